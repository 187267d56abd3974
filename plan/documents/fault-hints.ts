import type { z } from "zod";
import { didYouMean, looseName, nearNames } from "../../core/index.ts";
import type { DocumentPath } from "./document-path.ts";
import { valueAt } from "./document-path.ts";
import { dtypeHint } from "./dtype.ts";
import { FOREIGN_KEYS, type ForeignKey, type Siblings } from "./foreign-keys.ts";
import type { Flaw } from "./issues.ts";
import { documentHint } from "./kinds.ts";
import { knownKeys } from "./known-keys.ts";
import { OTHER_SCHEDULES } from "./rate-schedule.ts";

const FOREIGN: ReadonlyMap<string, ForeignKey> = new Map(
  Object.entries(FOREIGN_KEYS).map(([name, key]) => [looseName(name), key]),
);

/** Keys of a workload itself; those of `defaults` are a job's. */
const OF_WORKLOAD: readonly string[] = ["model", "recompute"];

/** Mappings in a job, and in a workload, whose keys are told from those of others by their names. */
const SECTIONS: readonly (readonly string[])[] = [
  [],
  ["adapter"],
  ["optimizer"],
  ["optimizer", "schedule"],
  ["data"],
  ["evaluation"],
];

/** What the one key of a mapping is that people mean who write a text in its place. */
const SHORT: Readonly<Record<string, string>> = { model: "path", data: "path", optimizer: "name", schedule: "name" };

const LORA_NOTE = "Every adapter is a LoRA: `adapter: { rank: 8, alpha: 16 }`. QLoRA is `model: { dtype: nf4 }`.";

/** Where a job stands in the document of a path; undefined in documents without jobs. */
function jobOf(schema: z.ZodType, value: unknown, path: DocumentPath): DocumentPath | undefined {
  const top = knownKeys(schema, value, []);
  if (top.includes("adapter")) return [];
  if (!top.includes("jobs")) return undefined;
  return path[0] === "jobs" && typeof path[1] === "number" ? path.slice(0, 2) : ["jobs", 0];
}

/** What an unknown key may be: the path of ours, in a job or of a workload. */
interface Meant {
  readonly to?: readonly string[];
  readonly value?: unknown;
  readonly note?: string | undefined;
}

/** Whether a document without a kind, in place of a workload, has keys of other tools. */
function isOfOtherTool(value: unknown, needed: string, kind: unknown): boolean {
  if (needed !== "workload" || kind !== undefined || typeof value !== "object" || value === null) return false;
  return Object.keys(value).filter((key) => FOREIGN.has(looseName(key))).length > 1;
}

function foreignMeaning(key: string, siblings: Siblings): Meant | undefined {
  const foreign = FOREIGN.get(looseName(key));
  if (foreign === undefined) return undefined;
  const { to, value = (given: unknown) => given, note } = foreign;
  if (to === undefined) return { note };
  const ours = value(siblings[key], siblings);
  return ours === undefined ? { to, note } : { to, value: ours };
}

/** A key of ours that stands in another mapping than its own. */
function misplacedMeaning(schema: z.ZodType, value: unknown, job: DocumentPath, flaw: Flaw): Meant | undefined {
  const key = flaw.key!;
  const places: (readonly string[])[] = SECTIONS.map((section) => [...section, key]).filter((path) =>
    knownKeys(schema, value, [...job, ...path.slice(0, -1)]).includes(key),
  );
  if (job.length > 0 && knownKeys(schema, value, ["model"]).includes(key)) places.push(["model", key]);
  if (job.length > 0 && OF_WORKLOAD.includes(key)) places.push([key]);
  const [to] = places;
  if (places.length !== 1) return undefined;
  const given = valueAt(value, flaw.path);
  if (typeof given !== "string" || SHORT[key] === undefined) return { to: to!, value: given };
  // A text where ours is a mapping.
  const ours = key === "optimizer" && /^adamw/.test(given) ? "adamw" : given;
  return { to: [...to!, SHORT[key]], value: ours };
}

function inYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inYaml).join(", ")}]`;
  if (typeof value === "string")
    return /^[\w./][\w./:~-]*$/.test(value) && !/^[\d.]+$/.test(value) ? value : JSON.stringify(value);
  return typeof value === "object" && value !== null ? "{ ... }" : String(value);
}

function written(path: readonly string[], value: unknown): string {
  const [first, ...rest] = path;
  return rest.length === 0 ? `${first}: ${inYaml(value)}` : `${first}: { ${written(rest, value)} }`;
}

/** How to write it, seen from the mapping in which the other key stands. */
function meaningText({ to, value, note }: Meant, job: DocumentPath, { path }: Flaw): string {
  if (to === undefined) return note!;
  const container = path.slice(0, -1);
  const isOfWorkload = OF_WORKLOAD.includes(to[0]!);
  const isInJob = job.length === 0 || (path[0] === "jobs" && path.length > 2);
  const within = isOfWorkload ? container : isInJob ? container.slice(job.length) : [];
  const isAround = within.length < to.length && within.every((key, i) => key === to[i]);
  const shown = isAround ? to.slice(within.length) : to;
  const where = isOfWorkload
    ? container.length === 0 || isAround
      ? ""
      : " at the top of the workload"
    : isAround && isInJob
      ? ""
      : isInJob
        ? " in the job"
        : " in `defaults` or in a job";
  if (value === undefined) return `It is \`${shown.join(".")}\`${where}.${note === undefined ? "" : ` ${note}`}`;
  return `Write \`${written(shown, value)}\`${where}.`;
}

function unknownKeyMeaning(schema: z.ZodType, value: unknown, flaw: Flaw): Meant | undefined {
  const job = jobOf(schema, value, flaw.path);
  if (job === undefined) return undefined;
  const siblings = valueAt(value, flaw.path.slice(0, -1)) as Siblings;
  if (flaw.key === "adapter" && typeof siblings["adapter"] === "string") return { note: LORA_NOTE };
  return foreignMeaning(flaw.key!, siblings) ?? misplacedMeaning(schema, value, job, flaw);
}

function unknownKeyHint(schema: z.ZodType, value: unknown, flaw: Flaw): string | undefined {
  const known = knownKeys(schema, value, flaw.path.slice(0, -1));
  const key = flaw.key!;
  // Also one in place of several, or the other way round.
  const forms = [key, `${key}s`, key.replace(/s$/, "")].map(looseName);
  const same = known.find((name) => name !== key && forms.includes(looseName(name)));
  if (same !== undefined) return `Did you mean ${same}?`;
  const meant = unknownKeyMeaning(schema, value, flaw);
  if (meant !== undefined) return meaningText(meant, jobOf(schema, value, flaw.path)!, flaw);
  return didYouMean(key, known) ?? (known.length > 0 ? `Known keys: ${known.join(", ")}.` : undefined);
}

/** Whether the key that is missing may be the one that nobody knows, beside it. */
export function couldBe(schema: z.ZodType, value: unknown, unknown: Flaw, missing: DocumentPath): boolean {
  const key = unknown.key!;
  const known = knownKeys(schema, value, unknown.path.slice(0, -1));
  const name = String(missing.at(-1));
  const near = nearNames(key, known);
  if (near.length > 0) return near.includes(name);
  const meant = unknownKeyMeaning(schema, value, unknown);
  return meant === undefined || meant.to?.includes(name) === true;
}

function typeHint(expected: string, path: DocumentPath, got: unknown): string | undefined {
  const key = path.at(-1);
  if (expected === "object" && typeof got === "string" && typeof key === "string") {
    if (key === "adapter") return LORA_NOTE;
    const inside = SHORT[key];
    return inside === undefined ? undefined : `Write \`${written([key, inside], got)}\`.`;
  }
  if (expected === "array" && key === "jobs") return "Write a list: `- name: first` for each job.";
  if (expected === "array" && ["string", "number"].includes(typeof got) && typeof key === "string")
    return `Write a list: \`${key}: [${inYaml(got)}]\`.`;
  if (
    (expected === "number" || expected === "int") &&
    typeof got === "string" &&
    got.trim() !== "" &&
    Number.isFinite(Number(got))
  )
    return `Write ${Number(got)} without quotes.`;
  if (expected === "boolean" && typeof got === "string" && /^(yes|no|on|off)$/i.test(got))
    return `Write ${/^(yes|on)$/i.test(got)}.`;
  return undefined;
}

function bytesHint(got: string): string {
  const bits = /^([\d.]+)\s*([KMGT])(?:bit|b)(?:\/s|ps)?$/i.exec(got.trim());
  if (bits !== null)
    return `Bits are not bytes: ${bits[1]} ${bits[2]!.toUpperCase()}bit are ${Number(bits[1]) / 8} ${bits[2]!.toUpperCase()}B.`;
  return "KB, MB, GB and TB are of 1000; KiB, MiB, GiB and TiB, and K, M, G and T alone, of 1024.";
}

function wordHint(key: string, got: string, words: readonly string[]): string | undefined {
  if (key === "name" && /^(adam|paged_adam)/.test(got)) return "There is AdamW alone: `name: adamw`.";
  if (key === "name" && Object.hasOwn(OTHER_SCHEDULES, got)) return OTHER_SCHEDULES[got];
  return (key === "dtype" ? dtypeHint(got) : undefined) ?? didYouMean(got, words);
}

/** What helps with a flaw. */
export function hintOf(schema: z.ZodType, value: unknown, flaw: Flaw): string | undefined {
  const { issue, path, key } = flaw;
  if (key !== undefined) return unknownKeyHint(schema, value, flaw);
  const got = valueAt(value, path);
  if (path.length === 1 && path[0] === "kind" && issue.code === "invalid_value")
    return isOfOtherTool(value, String(issue.values[0]), got)
      ? "`loratwin import FILE` makes a workload of another tool's configuration."
      : documentHint(String(issue.values[0]), got);
  switch (issue.code) {
    case "invalid_type":
      return typeHint(issue.expected, path, got);
    case "invalid_value":
      return typeof got !== "string" ? undefined : wordHint(String(path.at(-1)), got, issue.values.map(String));
    case "invalid_format":
      return typeof got === "string" && /Bytes/.test(String(path.at(-1))) ? bytesHint(got) : undefined;
    case "custom":
      return issue.params?.["hint"] as string | undefined;
    default:
      return undefined;
  }
}
