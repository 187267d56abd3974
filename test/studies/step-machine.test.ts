import { describe, expect, it } from "vitest";
import { CATALOG } from "../../plan/index.ts";
import { stepMachine } from "../../studies/index.ts";

const HOW = { precision: "bfloat16", release: "newest", hasGraphs: true, overlaps: false } as const;
const linked = (name: string, count: number) => {
  const { scaleUp, accelerator } = stepMachine(name, CATALOG, { ...HOW, count });
  return [scaleUp, accelerator.linkBytesPerSecond];
};

describe("the link between some accelerators", () => {
  it("is the host's PCIe between cards without one of their own", () => {
    expect(linked("RTX 4090", 4)).toEqual([8, 32e9]);
    expect(linked("RTX 5090", 2)).toEqual([8, 64e9]);
    expect(linked("RTX PRO 6000", 8)).toEqual([8, 64e9]);
    expect(linked("L40S", 16)).toEqual([8, 32e9]);
  });

  it("is a bridge between as many as it joins, and PCIe between more", () => {
    expect(linked("RTX A6000", 2)).toEqual([2, 56.25e9]);
    expect(linked("RTX A6000", 4)).toEqual([8, 32e9]);
    expect(linked("H100 PCIe", 2)).toEqual([2, 300e9]);
    expect(linked("H100 PCIe", 3)).toEqual([8, 64e9]);
    expect(linked("H200 NVL", 4)).toEqual([4, 450e9]);
  });

  it("is a board's or a rack's own however many there are", () => {
    expect(linked("H100 SXM", 64)).toEqual([8, 450e9]);
    expect(linked("GB200", 4)).toEqual([72, 900e9]);
  });

  it("lets cards of one host share layers", () => {
    for (const name of ["RTX 3090", "RTX 4090", "RTX 5090", "RTX A6000", "RTX PRO 6000", "L4", "L40S", "A10"])
      expect(linked(name, 8)[0], name).toBe(8);
  });
});
