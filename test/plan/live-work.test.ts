import { describe, expect, it } from "vitest";
import type { MicroBatch, PlannedJob, Work } from "../../plan/index.ts";
import { LiveWork } from "../../plan/index.ts";
import { roomyPipeline, wholeGroup, withAfter } from "./hand-work.ts";

const STAGE = { index: 0, device: 0, firstLayer: 0, endLayer: 1, embedding: true, head: true, recomputedLayers: 0 };
const SETTING = { stages: [STAGE], pipelines: [roomyPipeline(0, 1)] };

/** Jobs by their steps. */
const jobs = (...steps: readonly number[]): PlannedJob[] =>
  steps.map((each, index) => ({ name: `job-${index}`, steps: each }) as PlannedJob);

/** A micro-batch a step. */
const MICRO_BATCHES: readonly MicroBatch[] = withAfter(
  [
    { group: 0, step: 0 },
    { group: 1, step: 0 },
    { group: 0, step: 1 },
  ].map((each, index) => ({ ...each, index, part: 0, rows: [[each.group, 0, 4, 4]] })),
);

/** Forward, backward and update of a micro-batch have ended on the one stage. */
function endAll(live: LiveWork, microBatch: number): void {
  for (let action = 0; action < 3; action += 1) live.end(microBatch);
}

describe("work in flight", () => {
  it("forgets a job whose last piece has ended before one that it began in", () => {
    const live = new LiveWork(SETTING);
    const first: Work = {
      jobs: jobs(2, 1),
      groups: [wholeGroup([0], 2), wholeGroup([1], 1)],
      microBatches: MICRO_BATCHES.slice(0, 2),
      actions: [["0F0", "0F1", "0B0", "0U0"]],
    };
    live.append(first);
    live.append({ jobs: [], groups: [], microBatches: MICRO_BATCHES.slice(2), actions: [["0F2", "0B2", "0U2"]] });
    endAll(live, 0);
    // Job 0 has ended, and the piece in which it began has not.
    endAll(live, 2);
    expect(live.jobs[0]).toBeUndefined();
    expect(live.jobs[1]).toBeDefined();
    endAll(live, 1);
    expect([live.jobs, live.groups]).toEqual([{}, {}]);
  });
});
