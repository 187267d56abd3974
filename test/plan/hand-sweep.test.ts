// @module-tag slow
import { expect, test } from "vitest";
import { handSweep } from "../../bench/hand-sweep.ts";
import { unlikeCase, unlikeRequest } from "../../bench/unlike-cases.ts";
import { CATALOG } from "../../plan/index.ts";
import { planAndPredict } from "../../sim/index.ts";
import { someOf } from "../level.ts";

/** Of the cases of `npm run bench -- planning` some that take seconds: one job to 36, on one device and on several. */
const SEEDS = [1, 3, 12, 23, 24, 56, 61, 64];

test.each(someOf(SEEDS, { quick: 1, all: 2 }))(
  "the plan of unlike jobs, case %i, runs at most 2 %% longer than the best of a sweep by hand with every number of groups",
  (seed) => {
    const request = unlikeRequest(unlikeCase(seed), CATALOG);
    const chosen = planAndPredict(request).body.predicted.makespanSeconds;
    expect(chosen).toBeLessThan(1.02 * handSweep(request, seed, 0.5).seconds);
  },
  240_000,
);
