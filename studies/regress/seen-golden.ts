import { contentHash } from "../../core/index.ts";
import type { Golden, StoredGolden } from "../../plan/index.ts";
import { choicesOf } from "./choices.ts";
import { figuresOf } from "./figures.ts";
import type { GoldenRun } from "./golden-run.ts";
import { type AskedWork, askedOf } from "./invariants/asked.ts";
import { brokenInvariants } from "./invariants/check-run.ts";
import { trainedWork } from "./invariants/work.ts";

/** A golden workload as it came out once: with what it was, or what is stored of that. */
export interface SeenGolden {
  readonly golden: Golden;
  readonly stored: StoredGolden;
  readonly error: string | null;
  /** Undefined of a stored one. */
  readonly run: GoldenRun | undefined;
}

/** Actions to the nanosecond, whatever order a file has them in. */
function timesText({ actions, metrics }: GoldenRun): unknown {
  const rows = actions.map(({ device, stream, name, startNs, endNs }) => [device, stream, name, startNs, endNs].join());
  return [rows.sort(), metrics?.jobs ?? []];
}

/** What a plan decides: who does what where and in which order. */
function decidedText({ document, ...run }: GoldenRun): unknown {
  if (document === null) return choicesOf({ document, ...run });
  const { schedule, maxInFlight, stages, pipelines, buffers } = document.setting;
  const segments = document.segments.map(({ groups, microBatches, actions }) => [groups, microBatches, actions]);
  return [schedule, maxInFlight, stages, pipelines, buffers, segments];
}

/** What is kept of a run, and what is wrong with it by what its documents ask for. */
export function seenGolden(golden: Golden, run: GoldenRun, asked: AskedWork | undefined): SeenGolden {
  const decisions = run.journal.flatMap((line) =>
    line.decisions.map(({ kind, name, pipeline }) => [kind, name, pipeline ?? -1]),
  );
  return {
    golden,
    run,
    error: run.error,
    stored: {
      code: run.code,
      figures: { ...figuresOf(run) },
      fields: [...run.fields],
      digests: {
        plan: contentHash(decidedText(run)),
        decisions: contentHash(decisions),
        times: contentHash(timesText(run)),
      },
      choices: { ...choicesOf(run) },
      work: { ...(run.document === null ? {} : trainedWork(run.document)) },
      broken: [...brokenInvariants(run, askedOf(golden.options, asked))],
    },
  };
}

/** Last digits of what is stored may be another machine's. */
const LAST_DIGITS = 1e-9;

/** Whether all times are the same: to the nanosecond, or of what is stored as far as figures tell. */
export function hasSameTimes({ stored: was, run }: SeenGolden, { stored: is }: SeenGolden): boolean {
  if (was.digests.times === is.digests.times) return true;
  const isNear = (name: string, value: number): boolean =>
    Math.abs((is.figures[name] ?? Number.NaN) - value) <= LAST_DIGITS * Math.abs(value);
  return run === undefined && Object.entries(was.figures).every(([name, value]) => isNear(name, value));
}
