import path from "node:path";
import { nameSchema } from "../../plan/index.ts";

/** A job's name from that of a file, a folder or anything else. */
export function jobName(of: string): string {
  const base = path
    .basename(of.replace(/(?<!\/)\/+$/, ""))
    .replace(/(?:\.(?:jsonl?|ndjson|csv|tsv|parquet|arrow|txt|gz|zst))+$/i, "");
  const name = base
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9_]+|(?<![-.])[-.]+$/g, "")
    .slice(0, 100);
  return nameSchema.safeParse(name).success ? name : "adapter";
}

/** The same names, with numbers behind those that another has already, case aside. */
export function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 2; taken.has(unique.toLowerCase()); number += 1) unique = `${name}-${number}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}
