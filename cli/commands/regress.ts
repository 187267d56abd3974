import path from "node:path";
import { canonicalJson, InputError } from "../../core/index.ts";
import { writeOutput } from "../../files/index.ts";
import { compareGolden, isBlocking, type SeenGolden } from "../../studies/index.ts";
import {
  type BuiltRevision,
  bisectGolden,
  builtRevision,
  type LoadedGoldens,
  loadBaseline,
  loadGoldens,
  packageFile,
  packageRevision,
  repositoryOf,
  runGoldens,
  storedBaseline,
  withPolicy,
} from "../../workbench/index.ts";
import { type Arguments, type Command, optionalText, type Use } from "../command.ts";
import { blockingOf, type RegressResult, regressFacts, regressText } from "../describe-regress.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { note, printResult } from "../output.ts";
import { regressAnnotations, regressJunit, regressMarkdown } from "../regress-formats.ts";
import { contextOf } from "../request-options.ts";
import { isPolicyPath } from "../simulate-fleet.ts";
import { writeRegressPage } from "../write-regress.ts";

const FOLDER = path.join("examples", "regress");

/** Where a comparison is written beside what is printed. */
const WRITTEN = {
  output: {
    type: "string",
    alias: "o",
    describe: "write a page with both timelines of each workload that changed (HTML)",
  },
  junit: { type: "string", describe: "write JUnit XML, a case a golden workload" },
  markdown: { type: "string", describe: "write a comment for a pull request" },
  github: {
    type: "boolean",
    default: false,
    describe: "print annotations for GitHub's runner too",
    notBeside: ["json"],
  },
} as const satisfies OptionTable;

const BASELINE = {
  baseline: {
    type: "string",
    describe: "file with stored results of golden workloads (default: baseline.json in their folder)",
  },
} as const satisfies OptionTable;

const REVISIONS: Use = {
  input: "golden workloads",
  options: {
    base: { type: "string", describe: "git revision that the working tree is compared with (default: HEAD)" },
    ...WRITTEN,
  },
};

const POLICIES: Use = {
  input: "golden workloads",
  kind: ["--policy"],
  options: {
    policy: { type: "string", describe: "policy of a job scheduler, in place of those of the golden workloads" },
    against: { type: "string", describe: "policy to compare it with" },
    ...WRITTEN,
  },
};

const UPDATE: Use = { input: "update", options: BASELINE };
const CHECK: Use = { input: "check", options: { ...BASELINE, ...WRITTEN } };
const BISECT: Use = {
  input: "bisect",
  options: { folder: { type: "string", describe: `folder of golden workloads (default: ${FOLDER})` } },
};

function wordsOf(args: Arguments): readonly string[] {
  const words = args["what"] as readonly (string | number)[] | undefined;
  return (words ?? []).map((word) => `${word}`);
}

function useOf(args: Arguments): Use {
  const [first] = wordsOf(args);
  const named = { update: UPDATE, check: CHECK, bisect: BISECT }[first ?? ""];
  return named ?? (args["policy"] === undefined ? REVISIONS : POLICIES);
}

/** The folder behind a word that says what to do, or without one. @throws InputError for more words than that */
function folderOf(words: readonly string[]): string {
  if (words.length > 1) throw new InputError({ expected: "one folder of golden workloads", got: words.join(" ") });
  return words[0] ?? FOLDER;
}

function baselineFile(args: Arguments, set: LoadedGoldens): string {
  return optionalText(args, "baseline") ?? path.join(set.folder, "baseline.json");
}

/** Says what two sides of all golden workloads came to, in all ways that are asked for. Returns the exit code. */
function told(
  io: Io,
  args: Arguments,
  names: Omit<RegressResult, "goldens">,
  [before, now]: readonly [readonly SeenGolden[], readonly SeenGolden[]],
): number {
  const goldens = now.flatMap((own, index) => (before[index] === undefined ? [] : [compareGolden(before[index], own)]));
  const result: RegressResult = { ...names, goldens };
  const write = (name: string, text: (result: RegressResult) => string): void => {
    const file = optionalText(args, name);
    if (file !== undefined) writeOutput(io, file, text(result));
  };
  write("junit", regressJunit);
  write("markdown", regressMarkdown);
  const page = optionalText(args, "output");
  if (page !== undefined) writeRegressPage(io, page, result, before, now);
  printResult(io, args, regressFacts(result), () =>
    [
      regressText(result),
      ...(args["github"] === true ? ["", ...regressAnnotations(result)] : []),
      ...(page === undefined ? [] : ["", `page written to ${page}`]),
    ].join("\n"),
  );
  return blockingOf(result).length === 0 ? 0 : 1;
}

/** What both revisions come to; of two that have the same files once. */
async function bothSides([before, now]: readonly [BuiltRevision, BuiltRevision], set: LoadedGoldens) {
  if (before.root !== now.root) return await Promise.all([runGoldens(before, set), runGoldens(now, set)]);
  const seen = await runGoldens(now, set);
  return [seen, seen] as const;
}

async function revisions(io: Io, args: Arguments): Promise<number> {
  const context = contextOf(io, args);
  const repository = repositoryOf(io.cwd);
  const words = wordsOf(args);
  const set = loadGoldens(words.length === 0 ? { cwd: repository } : io, folderOf(words));
  const base = optionalText(args, "base") ?? "HEAD";
  const sides: readonly [BuiltRevision, BuiltRevision] = [
    await builtRevision(context, repository, base),
    await builtRevision(context, repository, undefined),
  ];
  const seen = await context.during(`${set.goldens.length} golden workloads, twice`, () => bothSides(sides, set));
  return told(io, args, { before: base, now: sides[1].name }, seen);
}

/** A policy file is found from where the command was typed, as everywhere. */
function policyPath(io: Io, text: string): string {
  return isPolicyPath(text) ? path.resolve(io.cwd, text) : text;
}

async function policies(io: Io, args: Arguments): Promise<number> {
  const [policy, against] = [optionalText(args, "policy")!, optionalText(args, "against")];
  if (against === undefined)
    throw new InputError({
      expected: "--against, the policy that it is compared with",
      at: "--against",
      got: "nothing",
    });
  const words = wordsOf(args);
  const set = loadGoldens(io, words.length === 0 ? packageFile(FOLDER) : folderOf(words));
  const ours = packageRevision();
  const seen = await contextOf(io, args).during("golden workloads under both policies", () =>
    Promise.all([
      runGoldens(ours, withPolicy(set, policyPath(io, against))),
      runGoldens(ours, withPolicy(set, policyPath(io, policy))),
    ]),
  );
  return told(io, args, { before: against, now: policy, isOfPolicies: true }, seen);
}

async function update(io: Io, args: Arguments): Promise<number> {
  const set = loadGoldens(io, folderOf(wordsOf(args).slice(1)));
  const seen = await contextOf(io, args).during("golden workloads", () => runGoldens(packageRevision(), set));
  const file = baselineFile(args, set);
  const baseline = storedBaseline(seen);
  writeOutput(io, file, `${canonicalJson(baseline)}\n`);
  printResult(
    io,
    args,
    { baseline: file, goldens: seen.length },
    () => `${seen.length} golden workloads written to ${file}`,
  );
  return 0;
}

async function check(io: Io, args: Arguments): Promise<number> {
  const set = loadGoldens(io, folderOf(wordsOf(args).slice(1)));
  const file = baselineFile(args, set);
  const { release, before, absent } = loadBaseline(io, file, set);
  if (absent.length > 0) note(io, args, `not in the baseline, and not compared: ${absent.join(", ")}`);
  const known = { ...set, goldens: set.goldens.filter(({ name }) => !absent.includes(name)) };
  const seen = await contextOf(io, args).during("golden workloads", () => runGoldens(packageRevision(), known));
  return told(io, args, { before: `the baseline of ${release}`, now: "this loratwin" }, [before, seen]);
}

async function bisect(io: Io, args: Arguments): Promise<number> {
  const [good, bad, name, ...rest] = wordsOf(args).slice(1);
  if (good === undefined || bad === undefined || name === undefined || rest.length > 0)
    throw new InputError({ expected: "regress bisect GOOD BAD WORKLOAD", got: wordsOf(args).join(" ") });
  const repository = repositoryOf(io.cwd);
  const folder = optionalText(args, "folder");
  const set = loadGoldens(folder === undefined ? { cwd: repository } : io, folder ?? FOLDER);
  const found = await bisectGolden(contextOf(io, args), repository, { good, bad, name, set });
  const result: RegressResult = { before: good, now: found.text, goldens: [found.compared] };
  printResult(io, args, { commit: found.commit, builds: found.builds, ...(regressFacts(result) as object) }, () =>
    [`${found.text} is the first where ${name} is not as good as in ${good}`, "", regressText(result)].join("\n"),
  );
  return isBlocking(found.compared.verdict) ? 0 : 1;
}

export const regressCommand: Command = {
  usage: "regress [what..]",
  describe:
    "what a change of planner, scheduler or simulator does to golden workloads: against a git revision, a stored baseline, or another policy; exit 1 where something breaks or gets worse",
  examples: [
    ["$0 regress --base main", "the working tree against main, on examples/regress"],
    ["$0 regress --base main goldens/ --markdown comment.md -o regress.html", "your own golden workloads"],
    ["$0 regress update", "store what they come to; `regress check` compares with it"],
    ["$0 regress bisect v1.0 main fifo", "the first commit that made a golden workload worse"],
    ["$0 regress --policy mine.mjs --against sjf", "two policies on the same jobs"],
  ],
  positionals: {
    what: {
      type: "string",
      array: true,
      describe: "folder of golden workloads; or update, check, or bisect GOOD BAD WORKLOAD",
    },
  },
  uses: [REVISIONS, POLICIES, UPDATE, CHECK, BISECT],
  useOf,
  async run(args, io, use) {
    if (use === UPDATE) return await update(io, args);
    if (use === CHECK) return await check(io, args);
    if (use === BISECT) return await bisect(io, args);
    return use === POLICIES ? await policies(io, args) : await revisions(io, args);
  },
};
