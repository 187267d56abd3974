import { beforeAll, expect, it } from "vitest";
import type { PlanDocument } from "../../plan/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { isNightly, someOf } from "../level.ts";
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

it("plans that were edited and sealed again", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "plans", resealedPlans(plan, SEED, isNightly ? 110 : 20)),
);
it("plans that contradict themselves, sealed again", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "contradictions", contradictingPlans(plan)),
);
it("plans whose text is damaged", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "damaged", damagedPlans(plan, SEED, 20)),
);
it("models, tokenizers and templates", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "models", hostileModels(root, SEED, isNightly ? 1 : 0.06)),
);
it("data", { tags: ["slow"], timeout: TIMEOUT_MS }, () =>
  withstand(root, "data", someOf(data, { quick: 10, all: 30 })),
);

it("are some three hundred", () => {
  expect(110 + 20 + hostileModels(root, SEED).length + data.length).toBeGreaterThan(280);
});
