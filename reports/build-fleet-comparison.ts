import { counted, formatSeconds, maximum, mean } from "../core/index.ts";
import {
  type ComparedDecisions,
  type FleetHistory,
  type StoryPart,
  type TimedDecision,
  timesOf,
} from "../plan/index.ts";
import type { FleetComparison, FleetFigure } from "./fleet-data.ts";

/** Names that a sentence lists. */
const LISTED = 6;

function percentText(share: number, sign = true): string {
  const text = (100 * share).toFixed(1);
  return `${sign && share > 0 ? "+" : ""}${text} %`;
}

function decisionText(decision: TimedDecision | undefined, whose: string): string {
  if (decision === undefined) return `${whose}: nothing more`;
  const { kind, name, pipeline, why, atNs } = decision;
  const where = pipeline === undefined ? "" : ` on pipeline ${pipeline}`;
  return `${whose}: ${kind} ${name}${where} at ${atNs === 0 ? "0 s" : formatSeconds(atNs / 1e9)}${why === "" ? "" : ` (${why})`}`;
}

function decisionsStory({ counts, numSame, parted, otherwise }: ComparedDecisions): readonly StoryPart[] {
  const [executed, twin] = counts;
  if (parted === undefined)
    return [{ heading: `All ${executed} decisions are the same in the twin, in the same order.`, lines: [] }];
  const others = otherwise.slice(0, LISTED).join(", ");
  const left = otherwise.length - LISTED;
  return [
    {
      heading:
        `The first ${numSame} of ${executed} decisions are the same in the twin, which made ${twin}. ` +
        "Then they part:",
      lines: [decisionText(parted[0], "executed"), decisionText(parted[1], "simulated")],
    },
    {
      heading:
        otherwise.length === 0
          ? "The same was decided of every job, in another order among jobs."
          : `Something else was decided of ${others}${left > 0 ? ` and ${left} more` : ""}.`,
      lines: [],
    },
  ];
}

/** An executed fleet beside its twin, which has the same jobs under the same numbers. */
export function fleetComparison(
  executed: FleetHistory,
  twin: FleetHistory,
  decisions: ComparedDecisions,
): FleetComparison {
  const simulated = new Map(twin.jobs.map((job) => [job.number, job]));
  const rows = executed.jobs.map((job) => {
    const other = simulated.get(job.number);
    if (job.endNs === undefined || other?.endNs === undefined)
      return { name: job.request.name, twinNs: null, error: null };
    const [ownNs, twinNs] = [timesOf(job).turnaroundNs, timesOf(other).turnaroundNs];
    return { name: job.request.name, twinNs, error: ownNs === 0 ? null : twinNs / ownNs - 1 };
  });
  const judged = rows.flatMap(({ name, error }) => (error === null ? [] : [{ name, error }]));
  const sizes = judged.map(({ error }) => Math.abs(error));
  const worst = judged.find(({ error }) => Math.abs(error) === maximum(sizes));
  const none = { text: "–", detail: "no job has ended in both yet" };
  const figures: readonly FleetFigure[] = [
    {
      name: "Error of a turnaround, mean",
      ...(worst === undefined
        ? none
        : {
            text: percentText(mean(sizes), false),
            detail: `of either sign, over ${counted(judged.length, "job")}; with sign ${percentText(mean(judged.map(({ error }) => error)))}`,
          }),
    },
    {
      name: "Largest error",
      ...(worst === undefined ? none : { text: percentText(worst.error), detail: `of ${worst.name}` }),
    },
    {
      name: "Decisions",
      text: `${decisions.numSame} of ${decisions.counts[0]}`,
      detail: decisions.parted === undefined ? "the same in the twin, in the same order" : "the same, before they part",
    },
  ];
  return {
    twinNs: rows.map(({ twinNs }) => twinNs),
    error: rows.map(({ error }) => error),
    figures,
    story: decisionsStory(decisions),
  };
}
