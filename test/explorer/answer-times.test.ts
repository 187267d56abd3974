// @module-tag nightly
import { describe, expect, it } from "vitest";
import { quantile } from "../../core/index.ts";
import { firstEstimate } from "../../explorer/first-estimate.ts";
import { sceneHash } from "../../explorer/scene-hash.ts";
import { changing, enter, showScene, useExplorer, wholeAnswer } from "./explorer-page.ts";
import { changedScene, type SceneChange } from "./scenes.ts";

const used = useExplorer();

/** The part of a processor's time that a program gets that wants all of it. */
function processorShare(): number {
  const [start, before] = [performance.now(), process.cpuUsage()];
  while (performance.now() - start < 30);
  const { user, system } = process.cpuUsage(before);
  return Math.min(1, (user + system) / 1000 / (performance.now() - start));
}

/** The fastest of some first plans of a scene in this process, where the page was measured. */
const REFERENCE_MS = 18;

/** How many times as long as there this machine takes at its fastest, at least once. */
function slowness(): number {
  const scene = changedScene({ schedule: "1f1b", pipelines: 1, groups: "unfused", recompute: "none" });
  const times = Array.from({ length: 30 }, () => {
    const start = performance.now();
    firstEstimate(scene, {});
    return performance.now() - start;
  });
  return Math.max(1, Math.min(...times) / REFERENCE_MS);
}

describe("the first answer", () => {
  type Change = readonly [id: string, value: string];
  const PLANNED: readonly Change[] = [
    ...["3", "5", "6", "2", "4"].map((count) => ["machines-0-count", count] as const),
    ...["1f1b", "gpipe", "lorapp", "auto"].map((schedule) => ["scene-schedule", schedule] as const),
    ...["6", "3", "5", "4"].map((copies) => ["jobs-0-copies", copies] as const),
    ...["64", "16"].map((rank) => ["jobs-0-rank", rank] as const),
    ...["200", "350", "300"].map((tokens) => ["jobs-0-tokens", tokens] as const),
    ...["20", "80", "50"].map((steps) => ["jobs-0-steps", steps] as const),
    ...["1", "2", "auto"].map((count) => ["scene-pipelines", count] as const),
    ...["layer", "none", "auto"].map((recompute) => ["scene-recompute", recompute] as const),
    ...["2", "4", "none", "auto"].map((limit) => ["scene-maxInFlight", limit] as const),
    ...["nf4", "float32", "bfloat16"].map((dtype) => ["scene-dtype", dtype] as const),
    ...["L40S", "A100 SXM 80", "RTX A6000"].map((type) => ["machines-0-type", type] as const),
    ...["unfused", "auto", "unfused"].map((groups) => ["scene-groups", groups] as const),
  ];
  const OVER_TIME: readonly Change[] = [
    ...["fifo", "fair", "twin", "minpad", "deadline", "sjf"].map((policy) => ["scene-policy", policy] as const),
    ...["3", "5", "4"].map((count) => ["machines-0-count", count] as const),
    ...["6", "3", "5"].map((copies) => ["jobs-0-copies", copies] as const),
    ...["64", "16"].map((rank) => ["jobs-0-rank", rank] as const),
    ...["200", "350", "300"].map((tokens) => ["jobs-1-tokens", tokens] as const),
    ...["20", "200", "50"].map((steps) => ["jobs-0-steps", steps] as const),
    ...["0", "2.5", "8"].map((seconds) => ["jobs-1-arrivalSeconds", seconds] as const),
    ...["1", "7"].map((seconds) => ["jobs-0-apartSeconds", seconds] as const),
    ...["1", "2", "auto"].map((count) => ["scene-pipelines", count] as const),
    ...["1", "auto", "2"].map((count) => ["scene-jobsAtOnce", count] as const),
    ...["nf4", "bfloat16"].map((dtype) => ["scene-dtype", dtype] as const),
    ...["L40S", "RTX A6000"].map((type) => ["machines-0-type", type] as const),
    ["jobs-1-priority", "3"],
  ];
  const later = [
    { apartSeconds: 5, copies: 4 },
    { copies: 2, steps: 10, arrivalSeconds: 8, tokens: 250 },
  ];
  const CASES = [
    ["of adapters that are there from the start", PLANNED, {}],
    ["of adapters over time", OVER_TIME, { policy: "sjf", jobsAtOnce: 2, jobs: later }],
  ] as const;

  // Other programs share the processors of a machine that tests run on: what they take of the time is taken out, and of
  // each change the quickest of some rounds counts. A machine that plans more slowly is given as many times as long.
  it.each(CASES)(
    "to one of 36 to 40 changes is painted within 100 ms, 95 of 100 times: %s",
    async (_, changes, { jobs = [{}], ...settings }: SceneChange) => {
      const { page } = used.explorer;
      const quickest = changes.map(() => Number.POSITIVE_INFINITY);
      const most = 100 * slowness();
      for (let round = 0; round < 3 && !(quantile(quickest, 0.95) < most); round += 1) {
        const rounds = jobs.map((kind, index) => (index === 0 ? { ...kind, steps: 40 + round } : kind));
        await showScene(used.explorer, sceneHash(changedScene({ ...settings, jobs: rounds })));
        for (const [index, [id, value]] of changes.entries()) {
          const share = processorShare();
          const milliseconds = share * (await changing(page, () => enter(used.explorer, id, value)));
          quickest[index] = Math.min(quickest[index]!, milliseconds);
          await wholeAnswer(page);
        }
      }
      expect(quantile(quickest, 0.95)).toBeLessThan(most);
    },
    400_000,
  );
});
