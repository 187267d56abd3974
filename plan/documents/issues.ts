import type { z } from "zod";
import type { DocumentPath } from "./document-path.ts";

/** What a schema found wrong, with its path from the top; `key` is the one that is not known. */
export interface Flaw {
  readonly issue: z.core.$ZodIssue;
  readonly path: DocumentPath;
  readonly key?: string;
}

type Issue = z.core.$ZodIssue;

function weight(issues: readonly Issue[]): number {
  return issues.reduce((sum, one) => {
    if (one.code === "unrecognized_keys") return sum + 1 + one.keys.length;
    return sum + (one.code === "invalid_type" && one.path.length === 0 ? 10 : 1);
  }, 0);
}

/** The issues inside a union that tell most: of the alternative that fits best. */
function inner(issue: Issue): readonly Issue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const best = [...issue.errors].sort((a, b) => weight(a) - weight(b))[0]!;
  return best.flatMap(inner).map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
}

/** Every flaw by itself, in the order in which the schema looked. */
export function flawsOf(issues: readonly Issue[]): readonly Flaw[] {
  return issues.flatMap(inner).flatMap((issue): readonly Flaw[] => {
    const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
    if (issue.code !== "unrecognized_keys") return [{ issue, path }];
    return issue.keys.map((key) => ({ issue, path: [...path, key], key }));
  });
}
