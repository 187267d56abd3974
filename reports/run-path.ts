// What a run's end waits for, as a page draws it and says it.
import { mostShortening, type PathCause, type PathStep, type SeenWay, shorteningText } from "../traces/index.ts";
import { LANES, type RunPath, type Shortening } from "./report-data.ts";

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
    shortenings: mostShortening(facts.criticalPath, causes.makespanNs, MOST_SHORTENINGS).map(shortening),
  };
}
