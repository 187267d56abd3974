import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { readSafetensors } from "../../datasets/index.ts";
import type { EvaluationMetrics, StepMetrics } from "../../exec/index.ts";
import { linesOfFile } from "../../files/index.ts";
import { readMetrics } from "../folder/metrics-lines.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import { readSamples } from "../folder/sample-lines.ts";

/** Where a number of one run is another one in the other. */
export interface Difference {
  /** What differs: a figure of a step, or an element of a tensor. */
  readonly what: string;
  readonly was: number | string;
  readonly is: number | string;
}

/** A job in two runs of the same plan. */
export interface JobComparison {
  readonly name: string;
  /** Steps that both have. */
  readonly steps: number;
  /** Whether the adapters have the same bytes; absent where one of them is not there, or has not all its steps. */
  readonly isAdapterSame: boolean | undefined;
  /** The earliest difference in losses and norms, or where there is none in the adapters; absent where all is the same. */
  readonly first: Difference | undefined;
}

type Compared = readonly (readonly [what: string, was: number | string, is: number | string])[];

function firstOf(pairs: Compared): Difference | undefined {
  const found = pairs.find(([, was, is]) => !Object.is(was, is));
  return found === undefined ? undefined : { what: found[0], was: found[1], is: found[2] };
}

const key = ({ job, step }: { readonly job: string; readonly step: number }): string => `${job} ${step}`;

function metricsOf(run: string) {
  const file = path.join(run, RUN_FILES.metrics);
  const { metrics, evaluations } = readMetrics(linesOfFile(file), file);
  const samples = path.join(run, RUN_FILES.samples);
  const answers = new Map<string, Map<string, string>>();
  for (const { prompt, by, text, ...line } of readSamples(linesOfFile(samples), samples)) {
    const own = answers.get(key(line)) ?? new Map<string, string>();
    answers.set(key(line), own.set(`answer to ${JSON.stringify(prompt)} (${by}) after step ${line.step}`, text));
  }
  return {
    answers,
    steps: new Map(metrics.map((row): [string, StepMetrics] => [key(row), row])),
    evaluations: new Map(evaluations.map((row): [string, EvaluationMetrics] => [key(row), row])),
  };
}

/** The first element that differs, of files of the same tensors. */
function firstElement(file: string, other: string): Difference | undefined {
  const [was, is] = [readSafetensors(file), readSafetensors(other)];
  for (const { name } of was.tensors) {
    const [a, b] = [was.readTensor(name), is.readTensor(name)];
    const at = a.findIndex((value, index) => !Object.is(value, b[index]));
    if (at >= 0) return { what: `${name}[${at}]`, was: a[at]!, is: b[at] ?? Number.NaN };
  }
  return undefined;
}

/**
 * Compares what two run folders have of the jobs of a plan: losses, norms, evaluations and answers by step, and adapters byte by
 * byte. @throws InputError for a file that is none
 */
export function compareRuns(
  run: string,
  other: string,
  jobs: readonly { readonly name: string; readonly steps: number }[],
): readonly JobComparison[] {
  const [was, is] = [metricsOf(run), metricsOf(other)];
  return jobs.map(({ name, steps }) => {
    const compared: [string, number | string, number | string][] = [];
    let both = 0;
    for (let step = 0; step < steps; step += 1) {
      const [a, b] = [was.steps.get(`${name} ${step}`), is.steps.get(`${name} ${step}`)];
      if (a === undefined || b === undefined) break;
      both += 1;
      for (const figure of ["loss", "gradNorm", "learningRate", "tokens"] as const)
        compared.push([`${figure} of step ${step}`, a[figure], b[figure]]);
      const [before, again] = [was.evaluations.get(`${name} ${step}`), is.evaluations.get(`${name} ${step}`)];
      if (before !== undefined && again !== undefined)
        compared.push([`evaluation after step ${step}`, before.evaluationLoss, again.evaluationLoss]);
      for (const [what, text] of was.answers.get(`${name} ${step}`) ?? [])
        compared.push([what, text, is.answers.get(`${name} ${step}`)?.get(what) ?? "none"]);
    }
    const files = [run, other].map((folder) =>
      path.join(folder, RUN_FILES.adapters, name, "adapter_model.safetensors"),
    ) as [string, string];
    const isThere = both === steps && files.every((file) => existsSync(file));
    const isAdapterSame = isThere ? readFileSync(files[0]).equals(readFileSync(files[1])) : undefined;
    const first = firstOf(compared) ?? (isAdapterSame === false ? firstElement(...files) : undefined);
    return { name, steps: both, isAdapterSame, first };
  });
}
