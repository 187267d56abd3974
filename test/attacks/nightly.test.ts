// @module-tag nightly
import { mkdtempSync, symlinkSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import type { PlanDocument } from "../../plan/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { damagedData } from "./data.ts";
import { mutatedDocuments } from "./documents.ts";
import { hostileModels } from "./models.ts";
import { numberAttacks } from "./numbers.ts";
import { damagedPlans, resealedPlans } from "./plans.ts";
import { type Attack, faultOf, runAttacks } from "./run-attacks.ts";
import { TIMEOUT_MS, writeTargets } from "./withstand.ts";

/** Suites of other seeds: `LORATWIN_ATTACKS=200 npm test -- test/attacks/nightly.test.ts` for a night. */
const RUNS = Number(process.env["LORATWIN_ATTACKS"] ?? 5);

const root = temporaryFolder();
let plan: PlanDocument;

beforeAll(async () => {
  plan = await writeTargets(root);
});

const SUITES: Readonly<Record<string, (seed: number) => readonly Attack[]>> = {
  documents: (seed) => mutatedDocuments(seed),
  plans: (seed) => [...resealedPlans(plan, seed, 150), ...damagedPlans(plan, seed, 30)],
  models: (seed) => hostileModels(root, seed),
  data: (seed) => damagedData(seed, 100),
  numbers: (seed) => numberAttacks(seed, 400),
};

it.each(Object.keys(SUITES))(
  "%s of any seed are withstood",
  async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 2 ** 31 }), async (seed) => {
        const own = mkdtempSync(path.join(root, `${name}-`));
        for (const shared of ["model", "rows.jsonl"]) symlinkSync(path.join(root, shared), path.join(own, shared));
        const attacks = SUITES[name]!(seed);
        const outcomes = await runAttacks(attacks, own);
        const faults = attacks.flatMap((attack, index) => {
          const fault = faultOf(attack, outcomes[index]!);
          return fault === undefined ? [] : [`${attack.name}: ${fault}`];
        });
        expect(faults).toEqual([]);
      }),
      { numRuns: RUNS, endOnFailure: true, examples: [[28], [2147483632]] },
    );
  },
  RUNS * TIMEOUT_MS,
);
