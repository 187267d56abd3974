import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { PlanDocument } from "../../plan/index.ts";
import { WORKLOAD, writeShared } from "../cli/bad-input/bad-input.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { HOSTILE_LINES } from "./command-lines.ts";
import { damagedData, HOSTILE_DATA } from "./data.ts";
import { HOSTILE_TEXTS, mutatedDocuments } from "./documents.ts";
import { hostileModels } from "./models.ts";
import { damagedPlans, resealedPlans } from "./plans.ts";
import { type Attack, faultOf, runAttacks } from "./run-attacks.ts";

/** Another number is another suite. */
const SEED = Number(process.env["LORATWIN_ATTACK_SEED"] ?? 1);

const root = temporaryFolder();
let plan: PlanDocument;
let done = 0;

beforeAll(() => {
  writeShared(root);
  writeFileSync(path.join(root, "w.yaml"), WORKLOAD.replaceAll("../", ""));
  const main = new URL("../../dist/cli/main.js", import.meta.url).pathname;
  execFileSync(process.execPath, [main, "plan", "w.yaml", "--devices", "cpu:0,cpu:1", "-o", "p.json"], { cwd: root });
  plan = JSON.parse(readFileSync(path.join(root, "p.json"), "utf8")) as PlanDocument;
});

/** No crash, no hang over five seconds of a processor, no memory without bound, exit code 2 or 3, one message. */
async function withstands(folder: string, attacks: readonly Attack[]): Promise<void> {
  const own = path.join(root, folder);
  // Files of an attack name what is shared as `../model`.
  mkdirSync(own);
  for (const name of ["model", "rows.jsonl"]) symlinkSync(path.join(root, name), path.join(own, name));
  const outcomes = await runAttacks(attacks, own);
  const faults = attacks.flatMap((attack, index) => {
    const fault = faultOf(attack, outcomes[index]!);
    return fault === undefined ? [] : [`${attack.name}: ${fault}`];
  });
  done += attacks.length;
  expect(faults).toEqual([]);
}

it("texts that no reader of YAML or JSON should see", () => withstands("texts", HOSTILE_TEXTS));
it("documents with a hostile value", () => withstands("documents", mutatedDocuments(SEED)));
it("plans that were edited and sealed again", () => withstands("plans", resealedPlans(plan, SEED, 110)));
it("plans whose text is damaged", () => withstands("damaged", damagedPlans(plan, SEED, 20)));
it("models, tokenizers and templates", () => withstands("models", hostileModels(root, SEED)));
it("data", () => withstands("data", [...HOSTILE_DATA, ...damagedData(SEED, 15)]));
it("command lines", () => withstands("lines", HOSTILE_LINES));

it("are four hundred and more", () => {
  expect(done).toBeGreaterThanOrEqual(400);
});
