import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { contentHash, InputError } from "../../core/index.ts";
import { absolute, type Place, readInput } from "../../files/index.ts";
import {
  type ExecutedGolden,
  GOLDENS_FILE,
  type Golden,
  type GoldenBudget,
  goldensSchema,
  parseDocument,
  readText,
} from "../../plan/index.ts";
import type { AskedWork } from "../../studies/index.ts";
import { askedJobs, askedMachines, type WrittenWorkload } from "./asked-work.ts";

/** Golden workloads of a folder. */
export interface LoadedGoldens {
  readonly folder: string;
  readonly goldens: readonly Golden[];
  readonly budget: GoldenBudget;
  readonly executed: readonly ExecutedGolden[];
  /** By golden, what its documents ask for. */
  readonly asked: ReadonlyMap<string, AskedWork>;
  /** By golden, its workload's text with the jobs in reverse, where that means the same. */
  readonly reversed: ReadonlyMap<string, string>;
  /** Of all documents, and of the files that they name. */
  readonly digest: string;
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
  const asked = new Map<string, AskedWork>();
  const reversed = new Map<string, string>();
  for (const { name, workload, cluster, calibration, anyOrder, options } of goldens) {
    const value = readText(read(workload, "a workload"), workload).value as WrittenWorkload | null;
    if (value === null || typeof value !== "object")
      throw new InputError({ expected: "a workload", got: "something else", file: path.join(root, workload) });
    if (cluster !== undefined) read(cluster, "a cluster");
    if (calibration !== undefined) read(calibration, "a calibration");
    Object.assign(
      texts,
      namedFiles(place, value, path.dirname(path.join(root, workload))),
      namedFiles(place, options, root),
    );
    const machines = cluster === undefined ? undefined : askedMachines(path.join(root, cluster));
    asked.set(name, { ...askedJobs(value), ...(machines === undefined ? {} : { machines }) });
    if (anyOrder) reversed.set(name, JSON.stringify({ ...value, jobs: [...(value.jobs ?? [])].reverse() }));
  }
  return { folder: root, goldens, budget, executed, asked, reversed, digest: contentHash(texts) };
}

/** The golden workloads whose jobs come over time, under one policy. */
export function withPolicy(set: LoadedGoldens, policy: string): LoadedGoldens {
  const overTime = set.goldens.filter(({ options }) => options["policy"] !== undefined);
  return { ...set, goldens: overTime.map((golden) => ({ ...golden, options: { ...golden.options, policy } })) };
}
