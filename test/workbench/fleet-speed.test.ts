import { existsSync } from "node:fs";
import path from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunEvent } from "../../exec/index.ts";
import { settingOf } from "../../plan/index.ts";
import { FleetSpeed } from "../../workbench/index.ts";
import { hostIdentity } from "../../workbench/machine/host.ts";
import { readLines } from "../cli/fields/small-pass.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { planSmall, smallCase } from "../exec/small-run.ts";

const root = temporaryFolder();
const SETTING = settingOf(planSmall(smallCase([{ rank: 2, steps: 2 }]), { devices: "unit*2" }));
/** Of two cores, a quarter of what devices lost is JavaScript's. */
const WORK = { seconds: 1, mainSeconds: 1, waitedSeconds: 0, otherSeconds: 3, cores: 2 };
const PROBED = { product: 2e9, interrupted: 0.1 };
let file = "";
let runs = 0;

beforeAll(() => expect(SETTING.stages).toHaveLength(2));

beforeEach(() => {
  runs += 1;
  process.env["XDG_CACHE_HOME"] = path.join(root, `${runs}`);
  file = path.join(root, `${runs}`, "loratwin", "machine-speed.jsonl");
});

function lines(): readonly Record<string, unknown>[] {
  return existsSync(file) ? (readLines(file) as readonly Record<string, unknown>[]) : [];
}

/** An action of a stage, of so many nanoseconds. */
function computed(stage: number, ns: number, more: object): RunEvent {
  const done = { device: `unit:${stage}`, stream: "compute", id: 0, startNs: 0, endNs: ns, ...more };
  return { kind: "completed", batch: [{ stage, done, lowered: {} }] } as unknown as RunEvent;
}

function speeds(stage: number, ...products: readonly number[]): RunEvent {
  return { kind: "speeds", stage, samples: products.map((product, at) => ({ atNs: at, product, copy: 1e9 })) };
}

describe("how fast the machine was in a fleet", () => {
  it("is told once, at its end: the harmonic mean of what devices sampled, and what they lost to other programs", () => {
    const speed = new FleetSpeed(SETTING, PROBED, () => WORK);
    speed.hear({ kind: "ready" });
    speed.hear(computed(0, 3e9, { interruptedNs: 1e9, switches: 30 }));
    speed.hear(computed(0, 1e9, { interruptedNs: 0, switches: 10 }));
    speed.hear(computed(1, 4e9, { interruptedNs: 2e9, switches: 20 }));
    speed.hear(speeds(0, 1e9));
    speed.hear(speeds(0, 3e9));
    speed.hear(speeds(1, 2e9, 2e9));
    expect(lines()).toEqual([]);
    speed.tell();
    speed.tell();
    expect(lines()).toHaveLength(1);
    const [{ product, interrupted, switchesPerSecond, ...line }] = lines() as [Record<string, number>];
    expect(line).toMatchObject({ version: 3, host: hostIdentity(), dtype: "float32", devices: 2, probed: PROBED });
    expect(product).toBeCloseTo((1.5e9 + 2e9) / 2, 0);
    expect(interrupted).toBeCloseTo((0.75 * (1 / 4 + 2 / 4)) / 2, 9);
    expect(interrupted).toBeLessThanOrEqual((1 / 4 + 2 / 4) / 2);
    expect(switchesPerSecond).toBeGreaterThan(0);
  });

  it("is not told of a fleet in which nothing was trained", () => {
    const speed = new FleetSpeed(SETTING, PROBED, () => WORK);
    speed.hear({ kind: "ready" });
    speed.hear(speeds(0, 1e9));
    speed.tell();
    expect(lines()).toEqual([]);
  });

  it("is of the devices that trained alone", () => {
    const speed = new FleetSpeed(SETTING, PROBED, () => WORK);
    speed.hear({ kind: "ready" });
    speed.hear(computed(1, 1e9, { interruptedNs: 0, switches: 0 }));
    speed.hear(speeds(0, 9e9));
    speed.hear(speeds(1, 2e9));
    speed.tell();
    expect(lines()).toMatchObject([{ product: expect.closeTo(2e9, 0), interrupted: 0, switchesPerSecond: 0 }]);
  });
});
