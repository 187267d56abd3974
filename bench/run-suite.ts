import { loadavg } from "node:os";
import { expectedSeconds, fitsBudget, type Measured } from "./budget.ts";
import { type CaseIdentity, type CaseRecord, caseKey, caseRecordSchema } from "./case-record.ts";
import { conditionsNow } from "./conditions.ts";
import type { Measurement } from "./measurement.ts";
import { appendResult, readResults, replaceResults } from "./results-file.ts";
import type { Case, Setting, Suite } from "./suite.ts";

/** What became of a case. `kept`: an earlier run of today measured it under the same conditions. */
export type CaseOutcome = { readonly name: string } & (
  | { readonly outcome: "measured" | "kept"; readonly record: CaseRecord }
  | { readonly outcome: "no time"; readonly expectedSeconds: number }
  | { readonly outcome: "interrupted" }
);

/** Where a run of a suite is. */
export interface CasePlace {
  readonly suite: string;
  /** From 1. */
  readonly place: number;
  readonly total: number;
  readonly name: string;
  /** What this case and those after it will take. */
  readonly leftSeconds: number;
}

export interface Progress {
  begins(place: CasePlace): void;
  ends(place: CasePlace, outcome: CaseOutcome): void;
}

export interface RunOptions extends Setting {
  /** Only the cases whose name has this text. */
  readonly only?: string;
  /** Measures again what is there. */
  readonly fresh: boolean;
  /** A case that would end later does not begin. */
  readonly budgetSeconds: number;
  /** The results file: read for what is there, and added to as each case ends. */
  readonly file: string;
  /** The command line, for the results file. */
  readonly command: string;
  readonly progress: Progress;
  /** Whether a person wants the run to end after the case that runs. */
  isInterrupted(): boolean;
}

async function measure(each: Case, identity: CaseIdentity, measured: readonly Measurement[], options: RunOptions) {
  const { scale, place, baseline, note, command } = options;
  const loadBefore = Math.round(100 * (loadavg()[0] ?? 0)) / 100;
  const measurements: Measurement[] = [];
  const start = performance.now();
  await each.run({
    scale,
    note,
    measured,
    ...(place === undefined ? {} : { place }),
    ...(baseline === undefined ? {} : { baseline }),
    record: (measurement) => void measurements.push(measurement),
  });
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  const { suite, case: name, input, date, commit, machine, versions } = identity;
  // In the order in which a person reads the line.
  return caseRecordSchema.parse({
    kind: "benchmark",
    version: 2,
    suite,
    case: name,
    ...(input === undefined ? {} : { input }),
    scale,
    command,
    date,
    commit,
    machine,
    versions,
    loadBefore,
    seconds,
    measurements,
  });
}

/** The measurements of all cases that there are results of, in the cases' order. */
export function measurementsOf(outcomes: readonly CaseOutcome[]): readonly Measurement[] {
  return outcomes.flatMap((each) => ("record" in each ? each.record.measurements : []));
}

/**
 * Runs a suite's cases one by one and writes each as it ends; those that the file has from today, of the same commit,
 * machine and versions, stand for themselves. What is left out is among the outcomes.
 * @throws InputError when the results file cannot be read.
 */
export async function runSuite(suiteName: string, suite: Suite, options: RunOptions): Promise<readonly CaseOutcome[]> {
  const { scale, only, fresh, budgetSeconds, file, progress } = options;
  const start = performance.now();
  const conditions = conditionsNow(suite.versions?.() ?? {});
  const all = await suite.cases(options);
  const isAsked = ({ name }: Case): boolean => only === undefined || name.includes(only);
  const cases = all
    .filter((each) => isAsked(each) || (each.isNeeded === true && all.some(isAsked)))
    .map((each) => {
      const input = each.input === undefined ? {} : { input: each.input };
      return { ...each, identity: { suite: suiteName, case: each.name, ...input, scale, ...conditions } };
    });
  const wanted = new Set(cases.map(({ identity }) => caseKey(identity)));
  if (fresh)
    replaceResults(
      file,
      readResults(file).filter((record) => !wanted.has(caseKey(record))),
    );
  const kept = new Map(readResults(file).map((record) => [caseKey(record), record]));
  const find = ({ identity }: (typeof cases)[number]): CaseRecord | undefined => kept.get(caseKey(identity));

  const outcomes: CaseOutcome[] = [];
  const pace: Measured[] = cases.flatMap((each) => {
    const taken = find(each)?.seconds ?? undefined;
    return taken === undefined ? [] : [{ stated: each.seconds, taken }];
  });
  for (const [index, each] of cases.entries()) {
    const { name } = each;
    const elapsed = (performance.now() - start) / 1000;
    const expected = expectedSeconds(each.seconds, pace);
    const rest = cases.slice(index).filter((other) => find(other) === undefined);
    const stated = rest.reduce((sum, { seconds }) => sum + seconds, 0);
    const leftSeconds = Math.min(expectedSeconds(stated, pace), budgetSeconds - elapsed);
    const place = { suite: suiteName, place: index + 1, total: cases.length, name, leftSeconds };
    const known = find(each);
    let outcome: CaseOutcome;
    if (known !== undefined) outcome = { name, outcome: "kept", record: known };
    else if (options.isInterrupted()) outcome = { name, outcome: "interrupted" };
    else if (!fitsBudget(elapsed, expected, budgetSeconds))
      outcome = { name, outcome: "no time", expectedSeconds: expected };
    else {
      progress.begins(place);
      const record = await measure(each, each.identity, measurementsOf(outcomes), options);
      appendResult(file, record);
      pace.push({ stated: each.seconds, taken: record.seconds ?? 0 });
      outcome = { name, outcome: "measured", record };
    }
    outcomes.push(outcome);
    progress.ends(place, outcome);
  }
  return outcomes;
}
