import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { contentHash, InputError } from "../../core/index.ts";
import { absolute, type Place, readInput } from "../../files/index.ts";
import {
  type ExecutedGolden,
  type Golden,
  type GoldenBudget,
  goldensSchema,
  parseDocument,
  readText,
} from "../../plan/index.ts";
import type { AskedJob } from "../../studies/index.ts";

export const GOLDENS_FILE = "goldens.yaml";

/** Golden workloads of a folder. */
export interface LoadedGoldens {
  readonly folder: string;
  readonly goldens: readonly Golden[];
  readonly budget: GoldenBudget;
  readonly executed: readonly ExecutedGolden[];
  /** By golden, its workload's jobs where the file names each; else none. */
  readonly jobs: ReadonlyMap<string, readonly AskedJob[]>;
  /** By golden, its workload's text with the jobs in reverse, where that means the same. */
  readonly reversed: ReadonlyMap<string, string>;
  /** Of all documents, and of the files that they name. */
  readonly digest: string;
}

type Written = Readonly<Record<string, unknown>>;

interface Jobs {
  readonly jobs?: readonly Written[];
  readonly defaults?: Written;
  readonly arrivals?: unknown;
}

function numberIn(value: unknown, key: string): Readonly<Record<string, number>> {
  const own = typeof value === "object" && value !== null ? (value as Written)[key] : undefined;
  return typeof own === "number" ? { [key]: own } : {};
}

/** A job as its file asks for it, whatever loratwin reads there. */
function askedJob(job: Written): AskedJob {
  const { data, evaluation } = job;
  const lengths = (data as Written | undefined)?.["lengths"];
  const isPlain = job["loss"] === undefined;
  return {
    name: String(job["name"]),
    ...numberIn(job, "steps"),
    ...numberIn(job, "batchSize"),
    ...numberIn(job, "arrivalSeconds"),
    ...numberIn(job, "priority"),
    ...numberIn(evaluation, "everySteps"),
    ...(isPlain && typeof lengths === "number" ? { rowTokens: lengths } : {}),
  };
}

/** Jobs that a file names; where others are made of them, none. */
function askedJobs({ jobs = [], defaults = {}, arrivals }: Jobs): readonly AskedJob[] {
  const isWhole = arrivals === undefined && jobs.every(({ sweep, name }) => sweep === undefined && name !== undefined);
  return isWhole ? jobs.map((job) => askedJob({ ...defaults, ...job })) : [];
}

/** Texts of files that a document names, by their paths from it: data, traces, policies. */
function namedFiles(place: Place, value: unknown, folder: string): Readonly<Record<string, string>> {
  if (typeof value === "string") {
    const file = path.join(folder, value);
    const isFile = value !== "" && existsSync(file) && statSync(file).isFile();
    return isFile ? { [value]: readInput(place, file, "a file").text } : {};
  }
  if (value === null || typeof value !== "object") return {};
  return Object.assign({}, ...Object.values(value).map((each) => namedFiles(place, each, folder)));
}

/** @throws InputError where the folder or a document that it names is not there, or is none */
export function loadGoldens(place: Place, folder: string): LoadedGoldens {
  const root = absolute(place, folder);
  const input = readInput(place, path.join(root, GOLDENS_FILE), "golden workloads");
  const { goldens, budget, executed } = parseDocument(goldensSchema, input.text, input.file);
  const texts: Record<string, string> = { [GOLDENS_FILE]: input.text };
  const read = (name: string, what: string): string => {
    texts[name] ??= readInput(place, path.join(root, name), what).text;
    return texts[name];
  };
  const jobs = new Map<string, readonly AskedJob[]>();
  const reversed = new Map<string, string>();
  for (const { name, workload, cluster, calibration, anyOrder, options } of goldens) {
    const value = readText(read(workload, "a workload"), workload).value as Jobs | null;
    if (value === null || typeof value !== "object")
      throw new InputError({ expected: "a workload", got: "something else", file: path.join(root, workload) });
    if (cluster !== undefined) read(cluster, "a cluster");
    if (calibration !== undefined) read(calibration, "a calibration");
    Object.assign(
      texts,
      namedFiles(place, value, path.dirname(path.join(root, workload))),
      namedFiles(place, options, root),
    );
    jobs.set(name, askedJobs(value));
    if (anyOrder) reversed.set(name, JSON.stringify({ ...value, jobs: [...(value.jobs ?? [])].reverse() }));
  }
  return { folder: root, goldens, budget, executed, jobs, reversed, digest: contentHash(texts) };
}

/** The golden workloads whose jobs come over time, under one policy. */
export function withPolicy(set: LoadedGoldens, policy: string): LoadedGoldens {
  const overTime = set.goldens.filter(({ options }) => options["policy"] !== undefined);
  return { ...set, goldens: overTime.map((golden) => ({ ...golden, options: { ...golden.options, policy } })) };
}
