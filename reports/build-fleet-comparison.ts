import { counted, formatSeconds, maximum, mean, signedPercent } from "../core/index.ts";
import {
  type BothWays,
  type ComparedDecisions,
  type FleetHistory,
  type StoryPart,
  type TimedDecision,
  timesOf,
} from "../plan/index.ts";
import type { FleetComparison, FleetFigure } from "./fleet-data.ts";
import { whatHungStory } from "./what-hung.ts";

/** Names that a sentence lists. */
const LISTED = 6;

function decisionText(decision: TimedDecision | undefined, whose: string): string {
  if (decision === undefined) return `${whose}: nothing more`;
  const { kind, name, pipeline, why, atNs } = decision;
  const where = pipeline === undefined ? "" : ` on pipeline ${pipeline}`;
  return `${whose}: ${kind} ${name}${where} at ${atNs === 0 ? "0 s" : formatSeconds(atNs / 1e9)}${why === "" ? "" : ` (${why})`}`;
}

/** How close two decisions were that one fleet made in one order and the other in the other. */
function closeText(laterNs: number | undefined, whose: string, other: string): string {
  if (laterNs === undefined) return `${whose}, what the ${other} decided there was never decided`;
  return `${whose}, what the ${other} decided there came ${laterNs === 0 ? "in the same moment" : `${formatSeconds(laterNs / 1e9)} later`}`;
}

/** The mean turnarounds of some jobs in both, and how much the twin's differs. */
function turnaroundText(whose: string, rows: readonly Row[]): readonly string[] {
  const judged = rows.filter(({ error }) => error !== null);
  if (judged.length === 0) return [];
  const [own, twin] = [mean(judged.map(({ ownNs }) => ownNs!)), mean(judged.map(({ twinNs }) => twinNs!))];
  return [
    `${whose} took ${formatSeconds(own / 1e9)} on average, ${formatSeconds(twin / 1e9)} in the twin (${signedPercent(twin / own - 1)})`,
  ];
}

/** A job's turnaround in both fleets; null unless it has ended in both. */
interface Row {
  readonly name: string;
  readonly ownNs: number | null;
  readonly twinNs: number | null;
  readonly error: number | null;
}

function decisionsStory(
  { counts, numSame, parted, otherwise }: ComparedDecisions,
  rows: readonly Row[],
  hung: BothWays | string | undefined,
): readonly StoryPart[] {
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
      lines: [
        decisionText(parted.decisions[0], "executed"),
        decisionText(parted.decisions[1], "simulated"),
        closeText(parted.laterNs[0], "in the run", "twin"),
        closeText(parted.laterNs[1], "in the twin", "run"),
      ],
    },
    ...(hung === undefined ? [] : [whatHungStory(hung)]),
    {
      heading:
        otherwise.length === 0
          ? "The same was decided of every job, in another order among jobs."
          : `Something else was decided of ${others}${left > 0 ? ` and ${left} more` : ""}.`,
      lines:
        otherwise.length === 0
          ? turnaroundText("all jobs", rows)
          : [
              ...turnaroundText(
                "they",
                rows.filter(({ name }) => otherwise.includes(name)),
              ),
              ...turnaroundText(
                "the others",
                rows.filter(({ name }) => !otherwise.includes(name)),
              ),
            ],
    },
  ];
}

/**
 * An executed fleet beside its twin, which has the same jobs under the same numbers. `hung`: on the first decision that
 * parts; a text where that cannot be simulated.
 */
export function fleetComparison(
  executed: FleetHistory,
  twin: FleetHistory,
  decisions: ComparedDecisions,
  hung?: BothWays | string,
): FleetComparison {
  const simulated = new Map(twin.jobs.map((job) => [job.number, job]));
  const rows = executed.jobs.map((job): Row => {
    const other = simulated.get(job.number);
    if (job.endNs === undefined || other?.endNs === undefined)
      return { name: job.request.name, ownNs: null, twinNs: null, error: null };
    const [ownNs, twinNs] = [timesOf(job).turnaroundNs, timesOf(other).turnaroundNs];
    return { name: job.request.name, ownNs, twinNs, error: ownNs === 0 ? null : twinNs / ownNs - 1 };
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
            text: `${(100 * mean(sizes)).toFixed(1)} %`,
            detail: `of either sign, over ${counted(judged.length, "job")}; with sign ${signedPercent(mean(judged.map(({ error }) => error)))}`,
          }),
    },
    {
      name: "Largest error",
      ...(worst === undefined ? none : { text: signedPercent(worst.error), detail: `of ${worst.name}` }),
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
    story: decisionsStory(decisions, rows, hung),
  };
}
