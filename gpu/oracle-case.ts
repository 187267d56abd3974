import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type AdapterPair, openModelFolder, readPeftFolder } from "../exec/index.ts";
import type { AdapterSpec, Architecture, Projection } from "../plan/index.ts";

interface CaseJob {
  readonly name: string;
  readonly rank: number;
  readonly alpha: number;
  readonly target_modules: readonly Projection[];
  readonly lr: number;
  readonly weight_decay?: number;
  readonly max_grad_norm?: number;
  readonly steps: readonly (readonly { readonly input_ids: readonly number[]; readonly labels: readonly number[] }[])[];
}

/** A line of metrics.jsonl, as far as it is compared. */
export interface StepMetrics {
  readonly job: string;
  readonly loss: number;
}

export interface OracleJob {
  readonly name: string;
  readonly adapter: AdapterSpec;
}

interface Expected {
  readonly losses: readonly number[];
  readonly adapter: readonly AdapterPair[];
}

interface OracleCase {
  /** The workload file that was written. */
  readonly workload: string;
  readonly architecture: Architecture;
  readonly jobs: readonly OracleJob[];
  readonly expected: Readonly<Record<string, Expected>>;
}

/** Writes the reference case as a workload that `loratwin train` takes, and reads what it has to give. */
export function oracleWorkload(shared: string, folder: string, dtype: "float32" | "bfloat16"): OracleCase {
  const source = path.join(shared, "oracle/cases/two-adapters");
  const model = path.join(shared, "models/tinystories-260k");
  const { jobs: cases } = JSON.parse(readFileSync(path.join(source, "case.json"), "utf8")) as {
    jobs: readonly CaseJob[];
  };
  const history = JSON.parse(readFileSync(path.join(source, "expected/history.json"), "utf8")) as Record<
    string,
    { readonly history: readonly { readonly loss: number }[] }
  >;
  for (const { name, steps } of cases) {
    const rows = steps.flat().map((row) => `${JSON.stringify(row)}\n`);
    writeFileSync(path.join(folder, `${name}.jsonl`), rows.join(""));
  }
  const jobs = cases.map(({ name, rank, alpha, target_modules, lr, weight_decay, max_grad_norm, steps }) => ({
    name,
    data: { path: `${name}.jsonl`, format: "tokens" },
    adapter: { rank, alpha, dropout: 0, targets: [...target_modules], init: path.join(source, "init", name) },
    batchSize: steps[0]!.length,
    microBatchSize: 2,
    steps: steps.length,
    optimizer: {
      name: "adamw",
      learningRate: lr,
      weightDecay: weight_decay ?? 0,
      ...(max_grad_norm === undefined ? {} : { maxGradNorm: max_grad_norm }),
    },
  }));
  const workload = path.join(folder, `workload-${dtype}.json`);
  writeFileSync(workload, JSON.stringify({ kind: "workload", version: 1, model: { path: model, dtype }, jobs }));
  const { architecture } = openModelFolder(model);
  const expected = Object.fromEntries(
    jobs.map(({ name, adapter }): [string, Expected] => [
      name,
      {
        losses: history[name]!.history.map(({ loss }) => loss),
        adapter: readPeftFolder(path.join(source, "expected", name), adapter, architecture),
      },
    ]),
  );
  return { workload, architecture, jobs, expected };
}

/** Norm of the difference between the trained adapter of a run folder and the expected one, over the latter's norm. */
export function adapterDistance(run: string, job: OracleJob, { architecture, expected }: OracleCase): number {
  const trained = readPeftFolder(path.join(run, "adapters", job.name), job.adapter, architecture);
  let difference = 0;
  let norm = 0;
  expected[job.name]!.adapter.forEach((pair, i) => {
    for (const key of ["a", "b"] as const) {
      pair[key].forEach((value, k) => {
        difference += (value - trained[i]![key][k]!) ** 2;
        norm += value ** 2;
      });
    }
  });
  return Math.sqrt(difference / norm);
}
