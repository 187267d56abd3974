import { beforeAll, expect, it } from "vitest";
import type { PlanDocument } from "../../plan/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { damagedData, ENDLESS_DATA, HOSTILE_DATA } from "./data.ts";
import { hostileModels } from "./models.ts";
import { contradictingPlans, damagedPlans, resealedPlans } from "./plans.ts";
import { SEED, TIMEOUT_MS, withstand, writeTargets } from "./withstand.ts";

const root = temporaryFolder();
const data = [...HOSTILE_DATA, ...ENDLESS_DATA, ...damagedData(SEED, 15)];
let plan: PlanDocument;

beforeAll(async () => {
  plan = await writeTargets(root);
});

it(
  "plans that were edited and sealed again",
  () => withstand(root, "plans", resealedPlans(plan, SEED, 110)),
  TIMEOUT_MS,
);
it(
  "plans that contradict themselves, sealed again",
  () => withstand(root, "contradictions", contradictingPlans(plan)),
  TIMEOUT_MS,
);
it("plans whose text is damaged", () => withstand(root, "damaged", damagedPlans(plan, SEED, 20)), TIMEOUT_MS);
it("models, tokenizers and templates", () => withstand(root, "models", hostileModels(root, SEED)), TIMEOUT_MS);
it("data", () => withstand(root, "data", data), TIMEOUT_MS);

it("are some three hundred", () => {
  expect(110 + 20 + hostileModels(root, SEED).length + data.length).toBeGreaterThan(280);
});
