import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError } from "../core/index.ts";
import { type ExecuteResult, type StepMetrics, writePeftFolder } from "../exec/index.ts";
import type { Plan } from "../plan/index.ts";
import { traceLines } from "../traces/index.ts";
import { absolute, writeOutput } from "./files.ts";
import type { Io } from "./io.ts";

const PLAN = "plan.json";

/** @throws InputError when the folder holds something that is not an earlier run of the same plan. */
export function checkRunFolder(io: Io, folder: string, plan: Plan): void {
  const full = absolute(io, folder);
  if (!existsSync(full) || readdirSync(full).length === 0) return;
  const file = path.join(full, PLAN);
  const hash = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { hash?: string }).hash : undefined;
  if (hash !== plan.hash) {
    throw new InputError({
      expected: "a new folder, or that of an earlier run of the same plan",
      at: "-o",
      got: folder,
      hint: "Name another folder or remove this one.",
    });
  }
}

/** Writes plan, trace, metrics and one PEFT folder for each job. Returns the adapters' folders by job. */
export function writeRunFolder(io: Io, folder: string, plan: Plan, result: ExecuteResult): ReadonlyMap<string, string> {
  writeOutput(io, path.join(folder, PLAN), `${canonicalJson(plan)}\n`);
  writeOutput(io, path.join(folder, "trace.json"), traceLines(result.trace));
  writeOutput(
    io,
    path.join(folder, "metrics.jsonl"),
    result.metrics.map((row) => canonicalJson(row)),
  );
  return new Map(
    plan.jobs.map((job, index) => {
      const adapter = path.join(absolute(io, folder), "adapters", job.name);
      writePeftFolder(
        adapter,
        job.adapter,
        plan.model.architecture,
        plan.locations.model ?? "",
        result.adapters[index]!,
      );
      return [job.name, adapter];
    }),
  );
}

/** Losses of each job by step. */
export function lossesByJob(metrics: readonly StepMetrics[]): ReadonlyMap<string, readonly number[]> {
  const losses = new Map<string, number[]>();
  for (const { job, loss } of metrics) {
    const series = losses.get(job);
    if (series === undefined) losses.set(job, [loss]);
    else series.push(loss);
  }
  return losses;
}
