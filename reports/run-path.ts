// What a run's end waits for, as a page draws it and says it.
import { type PathCause, type PathStep, type SeenWay, shorteningText } from "../traces/index.ts";
import { LANES } from "./report-data.ts";

/** A part of the critical path in words, with how much less of it would save. */
export interface Shortening {
  readonly what: string;
  readonly how: string;
  readonly ns: number;
  readonly savesNs: number;
}

/** Columns of equal length: each stretch ends where the next one begins. */
export interface RunPath {
  readonly device: readonly number[];
  /** Index into LANES. */
  readonly stream: readonly number[];
  readonly startNs: readonly number[];
  /** Of the last stretch. */
  readonly endNs: number;
  /** Of the whole run. */
  readonly makespanNs: number;
  /** What would save most first. */
  readonly shortenings: readonly Shortening[];
}

/** Causes of which a person is told what they cost. */
const MOST_SHORTENINGS = 4;

function shortening(part: PathCause): Shortening {
  const [what, how] = shorteningText(part);
  return { what, how, ns: part.ns, savesNs: part.savesNs };
}

/** Stretches that touch on one lane are one. */
function joined(path: readonly PathStep[]): readonly PathStep[] {
  return path.filter(
    ({ device, stream }, index) => device !== path[index - 1]?.device || stream !== path[index - 1]?.stream,
  );
}

/** The critical path of a way to train something. */
export function runPath({ path, facts, causes }: SeenWay): RunPath {
  const steps = joined(path);
  return {
    device: steps.map(({ device }) => device),
    stream: steps.map(({ stream }) => LANES.indexOf(stream)),
    startNs: steps.map(({ startNs }) => startNs),
    endNs: path.at(-1)?.endNs ?? 0,
    makespanNs: causes.makespanNs,
    shortenings: facts.criticalPath.slice(0, MOST_SHORTENINGS).map(shortening),
  };
}
