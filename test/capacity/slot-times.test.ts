import { describe, expect, it } from "vitest";
import { candidateFleet } from "../../capacity/candidate-fleet.ts";
import { slotKind } from "../../capacity/slot-kind.ts";
import { createRng } from "../../core/index.ts";
import { CATALOG, type Candidate, forecastSchema } from "../../plan/index.ts";
import { allLayouts, DealtRows, layoutTrust, NEWEST, type ProductPrecision, stepMachine } from "../../studies/index.ts";
import { PRICES } from "./small-world.ts";

const kind = (name: string, model: string) => ({
  ...{ name, model, perDay: 10, samples: 1000, batchSize: 16, tokens: { mean: 500, max: 2048 } },
});
const forecast = forecastSchema.parse({
  kind: "forecast",
  version: 1,
  level: { hours: 4 },
  kinds: [
    kind("small", "llama-3-8b"),
    { ...kind("wide", "llama-3-8b"), batchSize: 64, rank: 64 },
    kind("large", "llama-3-70b"),
  ],
});
const world = (kinds = forecast.kinds) => ({
  ...{ forecast: { ...forecast, kinds }, kinds: kinds.map(slotKind), catalog: CATALOG, prices: PRICES },
  drawing: { draws: 4, seed: 0 },
});

function fleetOf(change: Partial<Candidate>, kinds = forecast.kinds) {
  const candidate: Candidate = {
    ...{
      accelerator: "H100 SXM",
      count: 8,
      slot: 4,
      precision: "float8",
      jobsAtOnce: 1,
      policy: "fifo",
      tenure: "on-demand",
    },
    ...change,
  };
  return candidateFleet(candidate, world(kinds));
}

describe("slots of accelerators", () => {
  it("have room for a model as its weights and rows need", { tags: ["slow"] }, () => {
    expect(fleetOf({ accelerator: "L40S", slot: 1 })).toMatchObject({ why: "no room", detail: "large" });
    expect(fleetOf({ slot: 1, precision: "bfloat16" })).toMatchObject({ why: "no room", detail: "large" });
    const known = fleetOf({ slot: 8, precision: "bfloat16" });
    if (!("fleet" in known)) throw new Error(known.detail);
    // 140 GB of weights are on two accelerators at least.
    expect(known.fleet.times.layoutOf(2).tensorParallel).toBeGreaterThanOrEqual(2);
    expect(known.fleet.times.layoutOf(0).tensorParallel).toBe(1);
  });

  it("are unsupported, or without a price, where nobody can say", () => {
    expect(fleetOf({ accelerator: "RTX 3090" })).toMatchObject({ why: "no price" });
    expect(fleetOf({ accelerator: "L40S", tenure: "spot" })).toMatchObject({ why: "no price" });
    expect(fleetOf({ precision: "float4" })).toMatchObject({ why: "unsupported" });
  });

  it("take longer for more jobs, and never less than the tokens of all of them", { tags: ["slow"] }, () => {
    const rng = createRng("together");
    for (const accelerator of ["H100 SXM", "MI300X"])
      for (const slot of [2, 4, 8]) {
        const known = fleetOf({ accelerator, slot, count: slot }, forecast.kinds.slice(0, 2));
        if (!("fleet" in known)) throw new Error(known.detail);
        const { times } = known.fleet;
        for (let round = 0; round < 200; round += 1) {
          const kinds = Array.from({ length: 1 + rng.nextInt(6) }, () => rng.nextInt(2));
          const seconds = times.stepSeconds(kinds);
          expect(times.stepSeconds([...kinds, rng.nextInt(2)])).toBeGreaterThanOrEqual(seconds);
          const least = kinds.reduce((sum, each) => sum + times.leastSeconds(each), 0);
          expect(seconds).toBeGreaterThanOrEqual(least);
        }
        // What is shared is won: overheads once, and whole micro-batches.
        expect(times.stepSeconds([0, 0])).toBeLessThan(2 * times.stepSeconds([0]));
      }
  });

  it("split a model no further than rows on more accelerators would be faster", () => {
    const steps = [1, 2, 4, 8].map((slot) => {
      const known = fleetOf({ slot, count: slot }, forecast.kinds.slice(1, 2));
      if (!("fleet" in known)) throw new Error(known.detail);
      return known.fleet.times.stepSeconds([0]);
    });
    expect(steps).toEqual([...steps].sort((a, b) => b - a));
    expect(steps[0]! / steps[3]!).toBeLessThan(8);
  });
});

describe("how far predicted times are trusted", () => {
  const SEVENTY = "llama-2-70b";
  const trust = (accelerator: string, model = SEVENTY, precision: ProductPrecision = "float8", release = NEWEST) => {
    const { work } = slotKind({ ...forecast.kinds[0]!, model });
    const machine = stepMachine(accelerator, CATALOG, {
      ...{ count: 8, precision, release, hasGraphs: false, overlaps: false },
    });
    const layout = allLayouts(machine, work.architecture).find(({ dataParallel }) => dataParallel === 8)!;
    return layoutTrust(machine, layout, new DealtRows([work]));
  };

  it("is most where the model and the accelerator were measured, and least where nothing of its generation was", () => {
    expect(trust("H100 SXM").provenance).toBe("fitted");
    expect(trust("H100 SXM", "llama-3-8b").provenance).toBe("transferred");
    expect(trust("B300 SXM").provenance).toBe("transferred");
    expect(trust("Gaudi 3").provenance).toBe("peaks");
    // Products of 4 bits were published of one generation.
    expect(trust("GB200", SEVENTY, "float4").provenance).toBe("fitted");
    expect(trust("MI350X", SEVENTY, "float4").provenance).toBe("transferred");
    const sigmas = [trust("H100 SXM"), trust("B300 SXM"), trust("H100 SXM", SEVENTY, "bfloat16"), trust("Gaudi 3")];
    expect(sigmas.map(({ sigma }) => sigma)).toEqual(sigmas.map(({ sigma }) => sigma).sort((a, b) => a - b));
  });

  it("is of releases whose steps were published on such accelerators", () => {
    expect(trust("B200 SXM", SEVENTY, "float8", "nemo2-v5.0").provenance).toBe("fitted");
    expect(trust("B200 SXM", SEVENTY, "float4", "nemo2-v5.0").provenance).toBe("transferred");
    expect(trust("H100 SXM", SEVENTY, "bfloat16", "deepspeed").sigma).toBeGreaterThan(0.17);
    expect(() => trust("MI300X", SEVENTY, "float8", "nemo2-v5.1")).toThrow("nemo1-rocm-v5.1");
    expect(() => trust("MI300X", SEVENTY, "float8", "constructor")).toThrow("nemo1-rocm-v5.1");
  });
});
