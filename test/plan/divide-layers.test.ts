import { expect, test } from "vitest";
import { unlikeCase, unlikeRequest } from "../../bench/unlike-cases.ts";
import { CATALOG, createCostModel } from "../../plan/index.ts";
import { stageCosts } from "../../plan/planner/divide-layers.ts";
import { draftOf } from "../../plan/planner/draft.ts";
import { stageOfHalves } from "../../plan/planner/partition.ts";
import type { Costed } from "../../plan/planner/request.ts";

/** Cases whose costs are measured, of the catalog, of a roofline and constant. */
const SEEDS = [0, 1, 2, 10];

test.each(SEEDS.flatMap((seed) => (["auto", "layer"] as const).map((recompute) => [seed, recompute] as const)))(
  "stages of any length cost what their layers say, as of two stages of the same ends (case %i, recompute %s)",
  (seed, recompute) => {
    const described = unlikeCase(seed);
    const asked = unlikeRequest(described, CATALOG);
    const costModel = createCostModel(asked.calibration, asked.dtype);
    const request: Costed = { ...asked, recompute, schedule: "lorapp", costModel };
    const choice = { numGroups: 2, cutTokens: 700, jobsAtOnce: null };
    const draft = draftOf(request, choice, { stepsOf: () => 2, stages: [] });
    const { sameCosts: _same, ...oneByOne } = costModel;
    const known = stageCosts(request, draft);
    const asCosted = stageCosts({ ...request, costModel: oneByOne }, draft);
    const last = described.numDevices - 1;
    for (const index of new Set([0, Math.min(1, last), last]))
      for (const start of index === 0 ? [0] : [2, 3])
        for (let end = start + 2; end <= start + 31; end += 1) {
          const stage = stageOfHalves(index, described.numDevices, start, end);
          expect(known(stage) / asCosted(stage)).toBeCloseTo(1, 12);
        }
  },
);
