import { writeFileSync } from "node:fs";
import path from "node:path";
import { GREEDY, nativeInfo, openGenerator, openModelFolder, readPeftFolder } from "../exec/index.ts";
import { readPlanOfRun } from "../runs/index.ts";
import type { DrawnCase } from "./draw-case.ts";
import { runScript } from "./programs.ts";
import type { Verdict } from "./verdicts.ts";

/** A case, and the folder that its model and its jobs' first adapters are in. */
type CaseInFolder = Pick<DrawnCase, "name" | "dtype" | "jobs"> & { readonly folder: string };

/** Tokens of a prompt and of its answer; together more than short windows, and than the shorter lengths of longrope. */
const PROMPTS = [3, 11] as const;
const TOKENS = 12;

/** Answers of a case's base and first adapters, all at once, written for the judge. */
async function answerCase({ dtype, jobs, folder }: CaseInFolder): Promise<void> {
  const model = openModelFolder(path.join(folder, "model"));
  const { vocabularySize } = model.architecture;
  const { jobs: planned } = readPlanOfRun({ cwd: folder }, "run");
  const adapters = planned.map(({ name, adapter: spec }) => ({
    ...{ name, spec },
    pairs: readPeftFolder(path.join(folder, "init", name), spec, model.architecture),
  }));
  using open = await openGenerator({
    ...{ model, dtype, adapters, sequences: 2 * (1 + jobs.length), cacheTokens: 400 },
    device: { name: "cpu:0", cores: nativeInfo().cores.slice(0, 2) },
  });
  const asked = [undefined, ...jobs.map(({ name }) => name)].flatMap((adapter, of) =>
    PROMPTS.map((length) => ({
      adapter,
      prompt: Array.from({ length }, (_, i) => (i * 31 + of * 7 + length) % vocabularySize),
    })),
  );
  const answers = await Promise.all(
    asked.map(async ({ adapter, prompt }) => {
      const { tokens } = await open.generator.generate({
        ...{ prompt, adapter, sampling: GREEDY, maxTokens: TOKENS, stopTokens: new Set<number>() },
      });
      const logProbabilities = tokens.map(({ logProbability }) => logProbability);
      return { adapter: adapter ?? null, prompt, tokens: tokens.map(({ token }) => token), logProbabilities };
    }),
  );
  writeFileSync(path.join(folder, "answers.json"), JSON.stringify(answers));
}

/** Has prompts answered by bases and adapters, and asks transformers whether these are the likeliest tokens. */
export async function judgeAnswers(
  python: string,
  cases: readonly CaseInFolder[],
  note: (text: string) => void,
): Promise<readonly Verdict[]> {
  const own = cases.filter(({ jobs }) => jobs.every(({ loss }) => loss === undefined));
  if (own.length === 0) return [];
  note("answers prompts with bases and adapters");
  for (const each of own) await answerCase(each);
  const verdicts: Verdict[] = [];
  await runScript(python, "generated.py", own, (line) => void verdicts.push(JSON.parse(line) as Verdict));
  return verdicts;
}
