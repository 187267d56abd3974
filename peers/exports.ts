import path from "node:path";
import type { DrawnCase } from "./draw-case.ts";
import { runLoratwin, runScript } from "./programs.ts";
import type { Verdict } from "./verdicts.ts";

/** A case, and the folder that its model and its jobs' first adapters are in. */
type CaseInFolder = Pick<DrawnCase, "name" | "dtype" | "jobs"> & { readonly folder: string };

const TARGETS = ["merged", "peft"] as const;

/** Exports the adapters that a case's jobs start from. @returns what went wrong, where it did */
async function exportCase({ name, jobs, folder }: CaseInFolder): Promise<Verdict | undefined> {
  for (const job of jobs)
    for (const to of TARGETS) {
      const words = ["export", path.join(folder, "init", job.name), path.join(folder, to, job.name), "--to", to];
      const { code, stderr } = await runLoratwin([...words, "--base", path.join(folder, "model"), "--quiet"]);
      if (code !== 0) return { case: name, at: job.name, problem: `loratwin export ended with ${code}: ${stderr}` };
    }
  return undefined;
}

/** Exports adapters, and asks transformers and PEFT whether they are what they were. */
export async function judgeExports(
  python: string,
  cases: readonly CaseInFolder[],
  note: (text: string) => void,
): Promise<readonly Verdict[]> {
  // Those of jobs that compare answers are drawn alike.
  const own = cases.filter(({ jobs }) => jobs.every(({ loss }) => loss === undefined));
  const verdicts: Verdict[] = [];
  const exported: CaseInFolder[] = [];
  for (const each of own) {
    note(`exports adapters of ${each.name}`);
    const problem = await exportCase(each);
    if (problem === undefined) exported.push(each);
    else verdicts.push(problem);
  }
  if (exported.length === 0) return verdicts;
  note("loads them with transformers and PEFT");
  await runScript(python, "exports.py", exported, (line) => void verdicts.push(JSON.parse(line) as Verdict));
  return verdicts;
}
