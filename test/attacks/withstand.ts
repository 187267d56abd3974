import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import type { PlanDocument } from "../../plan/index.ts";
import { WORKLOAD, writeShared } from "../cli/bad-input/bad-input.ts";
import { printed } from "../cli/run-cli.ts";
import { type Attack, faultOf, runAttacks } from "./run-attacks.ts";

/** Another number is another suite. */
export const SEED = Number(process.env["LORATWIN_ATTACK_SEED"] ?? 1);

/** On a machine that others share a suite takes many times what it takes alone. */
export const TIMEOUT_MS = 1_200_000;

/** Writes what attacks share, and returns a plan of it. */
export async function writeTargets(root: string): Promise<PlanDocument> {
  writeShared(root);
  const folder = path.join(root, "planned");
  mkdirSync(folder);
  writeFileSync(path.join(folder, "w.yaml"), WORKLOAD);
  await printed(["plan", "w.yaml", "--devices", "cpu:0,cpu:1", "-o", "p.json"], folder);
  return JSON.parse(readFileSync(path.join(folder, "p.json"), "utf8")) as PlanDocument;
}

/** No crash, no hang over five seconds of a processor, no memory without bound, exit code 2 or 3, one message. */
export async function withstand(root: string, name: string, attacks: readonly Attack[]): Promise<void> {
  const folder = path.join(root, name);
  // Files of an attack name what is shared as `../model`.
  mkdirSync(folder);
  for (const shared of ["model", "rows.jsonl"]) symlinkSync(path.join(root, shared), path.join(folder, shared));
  const outcomes = await runAttacks(attacks, folder);
  const faults = attacks.flatMap((attack, index) => {
    const fault = faultOf(attack, outcomes[index]!);
    return fault === undefined ? [] : [`${attack.name}: ${fault}`];
  });
  expect(faults).toEqual([]);
}
