import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError } from "../core/index.ts";
import { type ExecuteResult, type StepMetrics, writePeftFolder } from "../exec/index.ts";
import { type Plan, readText } from "../plan/index.ts";
import { traceLines } from "../traces/index.ts";
import type { Place } from "./context.ts";
import { absolute, makeFolder, readInput, writeLines, writeOutput } from "./files.ts";

const PLAN = "plan.json";

function readHash(file: string): unknown {
  const { value } = readText(readFileSync(file, "utf8"), file);
  return (value as { readonly hash?: unknown } | null)?.hash;
}

/**
 * Makes the folder that a run will be written to. @throws InputError when it cannot be written or holds something that
 * is not an earlier run of the same plan.
 */
export function checkRunFolder(place: Place, folder: string, plan: Plan): void {
  const full = absolute(place, folder);
  makeFolder(place, folder);
  if (readdirSync(full).length === 0) return;
  const file = path.join(full, PLAN);
  if (!existsSync(file) || readHash(file) !== plan.hash) {
    throw new InputError({
      expected: "a new folder, or that of an earlier run of the same plan",
      at: "--output",
      got: folder,
      hint: "Name another folder or remove this one.",
    });
  }
}

/** Writes plan, trace, metrics and one PEFT folder for each job. Returns the adapters' folders by job. */
export function writeRunFolder(
  place: Place,
  folder: string,
  plan: Plan,
  result: ExecuteResult,
): ReadonlyMap<string, string> {
  writeOutput(place, path.join(folder, PLAN), `${canonicalJson(plan)}\n`);
  writeLines(place, path.join(folder, "trace.json"), traceLines(result.trace));
  writeLines(
    place,
    path.join(folder, "metrics.jsonl"),
    result.metrics.map((row) => canonicalJson(row)),
  );
  return new Map(
    plan.jobs.map((job, index) => {
      const adapter = path.join(absolute(place, folder), "adapters", job.name);
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

const METRIC_KEYS = ["gradNorm", "job", "learningRate", "loss", "seconds", "step", "tokens"];

/** The lines of metrics.jsonl. @throws InputError with the line that is none */
export function readMetrics(place: Place, file: string): readonly StepMetrics[] {
  const input = readInput(place, file, "a run folder with metrics.jsonl");
  const lines = input.text.split("\n").map((text, index) => ({ text, line: index + 1 }));
  return lines
    .filter(({ text }) => text.trim() !== "")
    .map(({ text, line }) => {
      const { value } = readText(text, input.file);
      const got = typeof value === "object" && value !== null ? Object.keys(value).sort() : value;
      if (!Array.isArray(got) || got.join() !== METRIC_KEYS.join())
        throw new InputError({ expected: `the keys ${METRIC_KEYS.join(", ")}`, file: input.file, line, got });
      return value as StepMetrics;
    });
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
