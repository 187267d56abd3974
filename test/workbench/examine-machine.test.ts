import { describe, expect, it } from "vitest";
import { type NativeInfo, nativeInfo } from "../../exec/index.ts";
import { examineAddon, examineMachine } from "../../workbench/machine/examine-machine.ts";

const info: NativeInfo = {
  version: "1.2.3",
  onednn: "3.7.2",
  isa: "avx512bf16",
  isaOfProcessor: "avx512bf16",
  cpuModel: "A processor",
  cores: [0, 1],
  cuda: { built: false, reason: "no CUDA backend", devices: [] },
};
const stateOf = (of: NativeInfo): Readonly<Record<string, string>> =>
  Object.fromEntries(examineAddon(of).map(({ about, state }) => [about, state]));

describe("what an addon says of a machine", () => {
  it("is in order where it has what the processor has", () => {
    expect(stateOf(info)).toMatchObject({ addon: "ok", processor: "ok", cores: "ok", oneDNN: "ok" });
  });

  it("is slow where the addon stops below the processor, and says how that changes", () => {
    const narrow = examineAddon({ ...info, isa: "avx2" }).find(({ about }) => about === "processor");
    expect(narrow).toMatchObject({
      state: "slow",
      found: "A processor has avx512bf16, and the addon was built for avx2",
      how: "npm run build",
    });
  });

  it("misses oneDNN only where a product would be its", () => {
    expect(stateOf({ ...info, onednn: "none" })).toMatchObject({ oneDNN: "slow" });
    expect(stateOf({ ...info, onednn: "none", isa: "avx2", isaOfProcessor: "avx2" })).toMatchObject({ oneDNN: "ok" });
  });

  it("is of this addon and this processor", () => {
    const { isa, isaOfProcessor, onednn } = nativeInfo();
    expect(isa).toBe(isaOfProcessor);
    expect(onednn).toMatch(/^(none|\d+\.\d+\.\d+)$/);
  });
});

it("everything that is not in order has a use and a way to get it", () => {
  for (const { state, needs, how } of examineMachine()) {
    if (state !== "ok") expect([typeof needs, typeof how]).toEqual(["string", "string"]);
  }
});
