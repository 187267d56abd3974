import { canonicalJson, isMapping } from "../../core/index.ts";
import type { PlannedJob } from "../documents/segment.ts";

/** What of a job a search may vary. */
export type RankedSettings = Pick<
  PlannedJob,
  "name" | "adapter" | "optimizer" | "loss" | "batchSize" | "cutoffLength" | "seed" | "steps" | "data" | "evaluation"
> &
  Partial<Pick<PlannedJob, "dataDigest">>;

const VARIED = ["adapter", "optimizer", "loss", "batchSize", "cutoffLength", "seed", "steps", "data"] as const;

/** A setting of a job: a number or a text as it is, all else as JSON; null where the job has none. */
export type SettingValue = number | string | null;

function flattened(value: unknown, path: string, into: Map<string, SettingValue>): void {
  if (isMapping(value)) for (const [key, own] of Object.entries(value)) flattened(own, `${path}.${key}`, into);
  else if (value !== undefined)
    into.set(path, typeof value === "number" || typeof value === "string" ? value : canonicalJson(value));
}

/** The settings in which jobs differ, such as "optimizer.learningRate": by key, the value of each job. */
export function variedSettings(jobs: readonly RankedSettings[]): ReadonlyMap<string, readonly SettingValue[]> {
  const settings = jobs.map((job) => {
    const own = new Map<string, SettingValue>();
    for (const key of VARIED) flattened(job[key], key, own);
    return own;
  });
  const keys = [...new Set(settings.flatMap((own) => [...own.keys()]))];
  const columns = keys.map((key) => [key, settings.map((own) => own.get(key) ?? null)] as const);
  return new Map(columns.filter(([, values]) => new Set(values).size > 1));
}
