import { realpathSync } from "node:fs";
import path from "node:path";
import { counted } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import { GOLDENS_FILE, goldensSchema, parseReadable } from "../../plan/index.ts";
import {
  type ComparedGolden,
  compareEffort,
  compareGolden,
  leastEffort,
  type SeenGolden,
} from "../../studies/index.ts";
import { acceptedFile, loadAccepted } from "./accepted-changes.ts";
import { executeGoldens, timed } from "./execute-goldens.ts";
import type { LoadedGoldens } from "./load-goldens.ts";
import { loosenedGoldens } from "./loosened-goldens.ts";
import { builtRevision, changedFiles, fileIn } from "./revisions.ts";
import { type BuiltRevision, crossGoldens, effortOf, measureGoldens, runGoldens, type SeenSet } from "./run-goldens.ts";

/** What two sides of golden workloads came to, and how they compare. */
export interface ComparedRevisions {
  /** What the later one is called. */
  readonly name: string;
  readonly goldens: readonly ComparedGolden[];
  readonly before: readonly SeenGolden[];
  readonly now: readonly SeenGolden[];
  /** The text of the accepted changes as the base has it; undefined where it has none. */
  readonly acceptedBefore?: string | undefined;
}

/** Measurements of both sides in turn before one of them is blamed: others use the machine, too. */
const TURNS = 2;

async function compareEfforts(
  sides: readonly [BuiltRevision, BuiltRevision],
  seen: readonly [SeenSet, SeenSet],
  set: LoadedGoldens,
): Promise<ComparedGolden> {
  // What one of the two refuses takes it no time.
  const counted = new Set(
    seen[1].goldens.flatMap(({ golden: { name }, stored }, index) =>
      stored.code === 0 && seen[0].goldens[index]?.stored.code === 0 ? [name] : [],
    ),
  );
  const isCounted = (name: string): boolean => counted.has(name);
  const efforts = seen.map(({ goldens, peakBytes }) => [
    effortOf(
      goldens.flatMap(({ run }) => (run !== undefined && isCounted(run.name) ? [run] : [])),
      peakBytes,
    ),
  ]);
  const compared = () => compareEffort(leastEffort(efforts[0]!), leastEffort(efforts[1]!), set.budget);
  for (let turn = 0; turn < TURNS && compared().verdict !== "same"; turn += 1)
    for (const [side, revision] of sides.entries()) efforts[side]!.push(await measureGoldens(revision, set, isCounted));
  return compared();
}

/** The text of a file as a revision has it, where that is in the repository. */
function textBefore(repository: string, before: BuiltRevision, file: string): string | undefined {
  const folder = path.dirname(file);
  const within = path.relative(realpathSync(repository), path.join(realpathSync(folder), path.basename(file)));
  const isOutside = within === ".." || within.startsWith(`..${path.sep}`) || path.isAbsolute(within);
  return isOutside ? undefined : fileIn(repository, before, within);
}

/** What the change lets pass that did not pass before. */
function loosened(repository: string, before: BuiltRevision, set: LoadedGoldens): readonly ComparedGolden[] {
  const text = textBefore(repository, before, path.join(set.folder, GOLDENS_FILE));
  const rules = text === undefined ? undefined : parseReadable(goldensSchema, text, GOLDENS_FILE);
  return rules === undefined ? [] : loosenedGoldens(rules, set);
}

function withReason(compared: ComparedGolden, accepted: ReadonlyMap<string, string>): ComparedGolden {
  const why = accepted.get(`${compared.name} ${compared.outcome}`);
  return why === undefined ? compared : { ...compared, accepted: why };
}

/** A commit and the files as they are: all golden workloads, what they cost to plan, and the golden workloads themselves. */
export async function compareRevisions(
  context: Context,
  repository: string,
  { base, set, executes }: { readonly base: string; readonly set: LoadedGoldens; readonly executes: boolean },
): Promise<ComparedRevisions> {
  const before = await builtRevision(context, repository, base);
  const now = await builtRevision(context, repository, undefined);
  const { name } = now;
  const executed = async () =>
    executes
      ? await context.during(`${counted(set.executed.length, "golden workload")}, trained in turn`, () =>
          executeGoldens(context, repository, [before, now], set),
        )
      : [];
  return await context.during(`${counted(set.goldens.length, "golden workload")}, twice`, async () => {
    if (before.root === now.root) {
      const { goldens: seen } = await runGoldens(now, set);
      return {
        name,
        before: seen,
        now: seen,
        goldens: [...seen.map((each) => compareGolden(each, each)), ...(await executed())],
      };
    }
    const seen = [await runGoldens(before, set), await runGoldens(now, set)] as const;
    const crossed = await crossGoldens(before, set, ...seen);
    const acceptedBefore = textBefore(repository, before, acceptedFile(set));
    const accepted = loadAccepted(context, set, acceptedBefore);
    const judges = { crossed, changed: changedFiles(repository, before, now) };
    const [was, is] = [seen[0].goldens, seen[1].goldens];
    const budget = await timed(() => compareEfforts([before, now], seen, set));
    const beside = [budget, ...loosened(repository, before, set)];
    return {
      ...{ name, before: was, now: is, acceptedBefore },
      goldens: [
        ...is.map((own, index) => compareGolden(was[index]!, own, { judges, accepted })),
        ...beside.filter(({ verdict }) => verdict !== "same").map((each) => withReason(each, accepted)),
        ...(await executed()).map((each) => withReason(each, accepted)),
      ],
    };
  });
}
