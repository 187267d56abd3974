import { existsSync } from "node:fs";
import path from "node:path";
import { canonicalJson, counted, InputError, shellQuoted } from "../../core/index.ts";
import { absolute, packageFile, readInput, writeOutput } from "../../files/index.ts";
import { GOLDENS_FILE } from "../../plan/index.ts";
import {
  type ComparedGolden,
  compareGolden,
  isBlocking,
  weighMovedPolicies,
  weighPolicies,
} from "../../studies/index.ts";
import {
  acceptedFile,
  bisectGolden,
  type ComparedRevisions,
  compareRevisions,
  isSpent,
  type LoadedGoldens,
  loadAccepted,
  loadBaseline,
  loadGoldens,
  packageRevision,
  repositoryOf,
  runGoldens,
  storedBaseline,
  withAccepted,
  withPolicy,
} from "../../workbench/index.ts";
import { type Arguments, type Command, optionalText, type Use } from "../command.ts";
import { blockingOf, type RegressResult, regressFacts, regressText } from "../describe-regress.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { note, printResult } from "../output.ts";
import { regressAnnotations, regressJunit, regressMarkdown } from "../regress-formats.ts";
import { contextOf } from "../request-options.ts";
import { isPolicyPath, policyOption } from "../simulate-fleet.ts";
import { writeRegressPage } from "../write-regress.ts";

const FOLDER = path.join("examples", "regress");

/** Where a comparison is written beside what is printed. */
const WRITTEN = {
  output: {
    type: "string",
    alias: "o",
    writes: true,
    describe: "write a page with both timelines of each workload that changed (HTML)",
  },
  junit: { type: "string", writes: true, describe: "write JUnit XML, a case a golden workload" },
  markdown: { type: "string", writes: true, describe: "write a comment for a pull request" },
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

const EXECUTE = {
  execute: {
    type: "boolean",
    default: false,
    describe: "train some golden workloads on the CPU with both revisions in turn: adapters, time, error of the twin",
  },
} as const satisfies OptionTable;

const REVISIONS: Use = {
  input: "golden workloads",
  options: {
    ...EXECUTE,
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

/** Why an option that names a folder means nothing beside the word that says what to do. */
function folderBehind(word: string): Pick<Use, "instead"> {
  return {
    instead: () => `The folder of golden workloads stands behind the word: \`loratwin regress ${word} FOLDER\`.`,
  };
}

const UPDATE: Use = { input: "update", options: BASELINE, ...folderBehind("update") };
const CHECK: Use = { input: "check", options: { ...BASELINE, ...WRITTEN }, ...folderBehind("check") };
const FOLDER_OPTION = {
  folder: { type: "string", describe: `folder of golden workloads (default: ${FOLDER})` },
} as const satisfies OptionTable;
const BISECT: Use = { input: "bisect", options: FOLDER_OPTION };
const ACCEPT: Use = {
  input: "accept",
  options: {
    ...FOLDER_OPTION,
    ...EXECUTE,
    base: REVISIONS.options["base"]!,
    why: { type: "string", describe: "why the change is right; it is kept in accepted.json" },
  },
};

function wordsOf(args: Arguments): readonly string[] {
  const words = args["what"] as readonly (string | number)[] | undefined;
  return (words ?? []).map((word) => `${word}`);
}

function useOf(args: Arguments): Use {
  const [first] = wordsOf(args);
  const named = { update: UPDATE, check: CHECK, bisect: BISECT, accept: ACCEPT }[first ?? ""];
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

/** Says what two sides of all golden workloads came to, in all ways that are asked for. */
function tell(
  io: Io,
  args: Arguments,
  given: RegressResult,
  { before, now }: Pick<ComparedRevisions, "before" | "now">,
): void {
  const result =
    given.policies === undefined ? { ...given, movedPolicies: weighMovedPolicies(now, given.goldens) } : given;
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
}

/** The golden workloads of a folder, or of the repository, where nobody names one. */
function setOf(io: Io, repository: string, folder: string | undefined): LoadedGoldens {
  return loadGoldens(folder === undefined ? { cwd: repository } : io, folder ?? FOLDER);
}

/** Whether golden workloads are trained, too. @throws InputError where there is none to train */
function isExecuting(args: Arguments, { executed, folder }: LoadedGoldens): boolean {
  if (args["execute"] !== true) return false;
  if (executed.length > 0) return true;
  const hint = "docs/how-to/regression-checks.md says what stands there.";
  const file = path.join(folder, GOLDENS_FILE);
  throw new InputError({ expected: "workloads to train for --execute", at: "executed", file, got: "none", hint });
}

async function revisions(io: Io, args: Arguments): Promise<number> {
  const repository = repositoryOf(io.cwd);
  const words = wordsOf(args);
  const set = setOf(io, repository, words.length === 0 ? undefined : folderOf(words));
  const base = optionalText(args, "base") ?? "HEAD";
  const executes = isExecuting(args, set);
  const compared = await compareRevisions(contextOf(io, args), repository, { base, set, executes });
  const accepting = [
    `regress accept WORKLOAD.. --base ${shellQuoted(base)}`,
    ...(words.length === 0 ? [] : [`--folder ${shellQuoted(folderOf(words))}`]),
    ...(executes ? ["--execute"] : []),
    "--why '...'",
  ].join(" ");
  const result: RegressResult = { before: base, now: compared.name, goldens: compared.goldens, accepting };
  tell(io, args, result, compared);
  return blockingOf(result).length === 0 ? 0 : 1;
}

/** What golden workloads that words name came to, each of which blocks. @throws InputError for another one, and for none */
function toAccept(goldens: readonly ComparedGolden[], names: readonly string[]): readonly ComparedGolden[] {
  const blocking = goldens.filter(isBlocking);
  const listed = blocking.map(({ name }) => name).join(", ");
  const other = names.find((name) => blocking.every((own) => own.name !== name));
  if (names.length > 0 && other === undefined) {
    // Of one that came to several things, those that are accepted already keep their reasons.
    return goldens.filter(({ name, verdict }) => names.includes(name) && isBlocking({ verdict }));
  }
  throw new InputError({
    expected: listed === "" ? "a golden workload that blocks the change; none does" : `some of ${listed}`,
    at: "regress accept WORKLOAD..",
    got: other ?? "nothing",
  });
}

async function accept(io: Io, args: Arguments): Promise<number> {
  const why = optionalText(args, "why");
  if (why === undefined) throw new InputError({ expected: "why what moved is right", at: "--why", got: "nothing" });
  const repository = repositoryOf(io.cwd);
  const set = setOf(io, repository, optionalText(args, "folder"));
  const base = optionalText(args, "base") ?? "HEAD";
  const executes = isExecuting(args, set);
  const { goldens, acceptedBefore } = await compareRevisions(contextOf(io, args), repository, { base, set, executes });
  const chosen = toAccept(goldens, wordsOf(args).slice(1));
  const file = acceptedFile(set);
  const added = chosen.map(({ name, outcome, accepted = why }) => ({ golden: name, outcome, why: accepted }));
  if (added.some((entry) => isSpent(set, acceptedBefore, entry)))
    throw new InputError({ expected: `another reason than that of an entry that ${base} has`, at: "--why", got: why });
  writeOutput(io, file, withAccepted(io, set, added));
  const names = [...new Set(chosen.map(({ name }) => name))];
  printResult(io, args, { file, accepted: names }, () => `${names.join(", ")} accepted in ${file}`);
  return 0;
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
  await policyOption(io, "policy", policy);
  await policyOption(io, "against", against);
  const words = wordsOf(args);
  const set = loadGoldens(io, words.length === 0 ? packageFile(FOLDER) : folderOf(words));
  const ours = packageRevision();
  const [before, now] = await contextOf(io, args).during("golden workloads under both policies", () =>
    Promise.all([
      runGoldens(ours, withPolicy(set, policyPath(io, against))),
      runGoldens(ours, withPolicy(set, policyPath(io, policy))),
    ]),
  );
  const goldens = now.goldens.map((own, index) => compareGolden(before.goldens[index]!, own));
  const verdict = weighPolicies(goldens);
  const result: RegressResult = { before: against, now: policy, goldens, policies: verdict };
  tell(io, args, result, { before: before.goldens, now: now.goldens });
  return verdict.kind === "worse" || blockingOf(result).length > 0 ? 1 : 0;
}

/** Refuses to write a baseline over something else. @throws InputError */
function refuseOther(io: Io, file: string): void {
  if (existsSync(absolute(io, file)) && !readInput(io, file, "a baseline").text.includes("regress-baseline"))
    throw new InputError({ expected: "a baseline, or a file that is not there yet", at: "--baseline", got: file });
}

async function update(io: Io, args: Arguments): Promise<number> {
  const set = loadGoldens(io, folderOf(wordsOf(args).slice(1)));
  const file = baselineFile(args, set);
  refuseOther(io, file);
  const seen = await contextOf(io, args).during("golden workloads", () => runGoldens(packageRevision(), set));
  const { goldens } = seen;
  writeOutput(io, file, `${canonicalJson(storedBaseline(goldens))}\n`);
  printResult(
    io,
    args,
    { baseline: file, goldens: goldens.length },
    () => `${counted(goldens.length, "golden workload")} written to ${file}`,
  );
  return 0;
}

async function check(io: Io, args: Arguments): Promise<number> {
  const set = loadGoldens(io, folderOf(wordsOf(args).slice(1)));
  const file = baselineFile(args, set);
  const { release, before, absent, gone } = loadBaseline(io, file, set);
  if (gone.length > 0)
    throw new InputError({
      expected: `a golden workload ${gone[0]}, which the baseline has`,
      file: path.join(set.folder, GOLDENS_FILE),
      got: "none",
      hint: "`loratwin regress update` writes a baseline of the golden workloads that there are.",
    });
  if (absent.length > 0) note(io, args, `not in the baseline, and not compared: ${absent.join(", ")}`);
  const known = { ...set, goldens: set.goldens.filter(({ name }) => !absent.includes(name)) };
  const { goldens: now } = await contextOf(io, args).during("golden workloads", () =>
    runGoldens(packageRevision(), known),
  );
  const comparison = { judges: { crossed: new Map(), changed: [] }, accepted: loadAccepted(io, set) };
  const goldens = now.map((own, index) => compareGolden(before[index]!, own, comparison));
  const [folder] = wordsOf(args).slice(1);
  const named = optionalText(args, "baseline");
  const accepting = [
    "regress update",
    ...(folder === undefined ? [] : [shellQuoted(folder)]),
    ...(named === undefined ? [] : [`--baseline ${shellQuoted(named)}`]),
  ].join(" ");
  const result: RegressResult = { before: `the baseline of ${release}`, now: "this loratwin", goldens, accepting };
  tell(io, args, result, { before, now });
  return blockingOf(result).length === 0 ? 0 : 1;
}

async function bisect(io: Io, args: Arguments): Promise<number> {
  const [good, bad, name, ...rest] = wordsOf(args).slice(1);
  if (good === undefined || bad === undefined || name === undefined || rest.length > 0)
    throw new InputError({ expected: "regress bisect GOOD BAD WORKLOAD", got: wordsOf(args).join(" ") });
  const repository = repositoryOf(io.cwd);
  const set = setOf(io, repository, optionalText(args, "folder"));
  const found = await bisectGolden(contextOf(io, args), repository, { good, bad, name, set });
  const result: RegressResult = { before: good, now: found.text, goldens: [found.compared] };
  printResult(io, args, { commit: found.commit, builds: found.builds, ...(regressFacts(result) as object) }, () =>
    [`${found.text} is the first where ${name} is not as good as in ${good}`, "", regressText(result)].join("\n"),
  );
  return isBlocking(found.compared) ? 0 : 1;
}

export const regressCommand: Command = {
  usage: "regress [what..]",
  describe:
    "what a change of planner, scheduler or simulator does to golden workloads: against a git revision, a stored baseline, or another policy; exit 1 where something breaks or gets worse",
  examples: [
    ["$0 regress --base main", "the working tree against main, on examples/regress"],
    ["$0 regress --base main goldens/ --markdown comment.md -o regress.html", "your own golden workloads"],
    ["$0 regress update", "store what they come to; `regress check` compares with it"],
    ["$0 regress accept fifo sjf --base main --why '...'", "let through what blocks these two, with a reason"],
    ["$0 regress bisect v1.0 main fifo", "the first commit that made a golden workload worse"],
    ["$0 regress --policy mine.mjs --against sjf", "two policies on the same jobs"],
  ],
  positionals: {
    what: {
      type: "string",
      array: true,
      describe: "folder of golden workloads; or update, check, accept WORKLOAD.., or bisect GOOD BAD WORKLOAD",
    },
  },
  uses: [REVISIONS, POLICIES, UPDATE, CHECK, BISECT, ACCEPT],
  useOf,
  async run(args, io, use) {
    if (use === UPDATE) return await update(io, args);
    if (use === CHECK) return await check(io, args);
    if (use === ACCEPT) return await accept(io, args);
    if (use === BISECT) return await bisect(io, args);
    return use === POLICIES ? await policies(io, args) : await revisions(io, args);
  },
};
