import { InputError } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import { type ComparedGolden, compareGolden, isBlocking, type SeenGolden } from "../../studies/index.ts";
import type { LoadedGoldens } from "./load-goldens.ts";
import { builtRevision, commitsBetween, commitText } from "./revisions.ts";
import { runGoldens } from "./run-goldens.ts";

export interface BisectChoice {
  readonly good: string;
  readonly bad: string;
  /** Of the golden workload. */
  readonly name: string;
  readonly set: LoadedGoldens;
}

export interface FoundCommit {
  readonly commit: string;
  /** In one line. */
  readonly text: string;
  /** Against the good one. */
  readonly compared: ComparedGolden;
  /** Commits that were built and simulated, the first and the last among them. */
  readonly builds: number;
}

/**
 * The first commit behind `good` in which a golden workload breaks or is worse than in it; by halves, as if all behind it
 * were so too. @throws InputError where it is no worse in `bad`, or there is no such workload
 */
export async function bisectGolden(
  context: Context,
  repository: string,
  { good, bad, name, set }: BisectChoice,
): Promise<FoundCommit> {
  const golden = set.goldens.find((each) => each.name === name);
  if (golden === undefined)
    throw new InputError({ expected: "the name of a golden workload", at: "WORKLOAD", got: name });
  const one: LoadedGoldens = { ...set, goldens: [golden] };
  let builds = 0;
  const seenAt = async (ref: string): Promise<SeenGolden> => {
    builds += 1;
    const { goldens } = await runGoldens(await builtRevision(context, repository, ref), one);
    return goldens[0]!;
  };
  const before = await seenAt(good);
  const commits = commitsBetween(repository, good, bad);
  const comparedAt = async (at: number): Promise<ComparedGolden> => compareGolden(before, await seenAt(commits[at]!));
  let [low, high] = [0, commits.length - 1];
  let found = await comparedAt(high);
  if (!isBlocking(found))
    throw new InputError({ expected: `a commit in which ${name} is worse than in ${good}`, at: "BAD", got: bad });
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const compared = await comparedAt(middle);
    if (isBlocking(compared)) [high, found] = [middle, compared];
    else low = middle + 1;
  }
  return { commit: commits[high]!, text: commitText(repository, commits[high]!), compared: found, builds };
}
