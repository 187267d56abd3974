import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { contentHash, InputError } from "../../core/index.ts";
import { absolute, type Place, readInput } from "../../files/index.ts";
import { type Golden, goldensSchema, parseDocument, readText } from "../../plan/index.ts";

export const GOLDENS_FILE = "goldens.yaml";

/** Golden workloads of a folder. */
export interface LoadedGoldens {
  readonly folder: string;
  readonly goldens: readonly Golden[];
  /** By golden, the names of its workload's jobs where the file names each; else none. */
  readonly jobs: ReadonlyMap<string, readonly string[]>;
  /** By golden, its workload's text with the jobs in reverse, where that means the same. */
  readonly reversed: ReadonlyMap<string, string>;
  /** Of all documents, and of the files that they name. */
  readonly digest: string;
}

interface Jobs {
  readonly jobs?: readonly { readonly name?: string; readonly sweep?: unknown }[];
  readonly arrivals?: unknown;
}

function jobNames({ jobs = [], arrivals }: Jobs): readonly string[] {
  const isWhole = arrivals === undefined && jobs.every(({ sweep }) => sweep === undefined);
  return isWhole ? jobs.flatMap(({ name }) => (name === undefined ? [] : [name])) : [];
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
  const { goldens } = parseDocument(goldensSchema, input.text, input.file);
  const texts: Record<string, string> = { [GOLDENS_FILE]: input.text };
  const read = (name: string, what: string): string => {
    texts[name] ??= readInput(place, path.join(root, name), what).text;
    return texts[name];
  };
  const jobs = new Map<string, readonly string[]>();
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
    jobs.set(name, jobNames(value));
    if (anyOrder) reversed.set(name, JSON.stringify({ ...value, jobs: [...(value.jobs ?? [])].reverse() }));
  }
  return { folder: root, goldens, jobs, reversed, digest: contentHash(texts) };
}

/** The golden workloads whose jobs come over time, under one policy. */
export function withPolicy(set: LoadedGoldens, policy: string): LoadedGoldens {
  const overTime = set.goldens.filter(({ options }) => options["policy"] !== undefined);
  return { ...set, goldens: overTime.map((golden) => ({ ...golden, options: { ...golden.options, policy } })) };
}
