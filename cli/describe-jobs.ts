import { counted, formatSeconds, formatSecondsRange, OUTLOOK_WORDS } from "../core/index.ts";
import {
  type FleetStatus,
  hasNoEnd,
  isOver,
  type JobStatus,
  type Notice,
  type PredictedEnd,
  secondsLate,
} from "../server/index.ts";
import { lateText } from "./describe-deadlines.ts";
import { spentColumns } from "./describe-spent.ts";
import { outlookRanges } from "./describe-what-if.ts";
import { outlookLines, table } from "./output.ts";

/** A prediction that is older is told with its age. */
const OLD_SECONDS = 30;

/** "in 3.20 s (2.90 to 3.80 s)"; "at any moment" where the time has passed meanwhile */
function fromNow({ seconds, low, high, asOfSeconds }: PredictedEnd, now: number): string {
  const left = (at: number): number => Math.max(0, at - now);
  if (left(high) === 0) return "at any moment";
  const range = low === high ? "" : ` (${formatSecondsRange(left(low), left(high))})`;
  const age = now - asOfSeconds;
  return `in ${formatSeconds(left(seconds))}${range}${age > OLD_SECONDS ? `, as known ${formatSeconds(age)} ago` : ""}`;
}

/** By how much it ends after its deadline, or is predicted to; so far, where nobody knows when it will. */
function lateness(job: JobStatus, now: number): string {
  const text = lateText(secondsLate(job, now));
  return text !== "" && hasNoEnd(job) ? `${text} so far` : text;
}

function endText(job: JobStatus, now: number): string {
  const late = lateness(job, now);
  if (job.endSeconds !== null) return `after ${formatSeconds(job.endSeconds - job.arrivalSeconds)}${late}`;
  return `${job.predictedEnd === null ? "-" : fromNow(job.predictedEnd, now)}${late}`;
}

/** The loss in the digits that mean something. */
function lossText(loss: number | null): string {
  return loss === null ? "-" : loss.toFixed(3);
}

/** "1.234, best 1.200 at 40" with the steps that it had made then */
function evaluationText({ evaluationLoss, best }: JobStatus): string {
  return best === null
    ? lossText(evaluationLoss)
    : `${lossText(evaluationLoss)}, best ${lossText(best.loss)} at ${best.step + 1}`;
}

/** Where a job ends if the machine is left alone, and as it has been; of jobs of which neither is known there is nothing. */
function otherEnds(jobs: readonly JobStatus[], now: number) {
  const ranges = jobs.map(({ predictedEnd }) => predictedEnd?.outlooks);
  if (ranges.every((each) => each === undefined)) return { heads: [], cellsOf: () => [] };
  return {
    heads: [OUTLOOK_WORDS.alone, OUTLOOK_WORDS.been],
    cellsOf: ({ predictedEnd, endSeconds }: JobStatus): readonly string[] =>
      (["alone", "been"] as const).map((outlook) => {
        const range = endSeconds === null ? outlookRanges(predictedEnd?.outlooks, now)?.[outlook] : undefined;
        return range === undefined ? "-" : formatSecondsRange(...range);
      }),
  };
}

/** Jobs of a fleet as a table; `now` in seconds since the fleet's start. */
export function jobsTable(jobs: readonly JobStatus[], now: number): string {
  const areEvaluated = jobs.some(({ evaluationLoss }) => evaluationLoss !== null);
  const { heads, cellsOf } = spentColumns(jobs.map(({ spent }) => spent));
  const others = otherEnds(jobs, now);
  const rows = jobs.map((job) => [
    job.name,
    job.user === "" ? "-" : job.user,
    `${job.priority}`,
    job.standing,
    job.pipeline === null ? "-" : `${job.pipeline}`,
    `${job.done} of ${job.iterations}`,
    lossText(job.loss),
    ...(areEvaluated ? [evaluationText(job)] : []),
    ...cellsOf(job.spent),
    endText(job, now),
    ...others.cellsOf(job),
  ]);
  const evaluated = areEvaluated ? ["held out"] : [];
  const end = others.heads.length === 0 ? "end" : `end, ${OUTLOOK_WORDS.now}`;
  const first = ["job", "user", "priority", "", "pipeline", "steps", "loss", ...evaluated, ...heads];
  return table([...first, end, ...others.heads], rows);
}

/** "sjf on 2 pipelines, up 3 min 20 s: 2 running, 1 waiting" */
export function fleetLine({ policy, pipelines, uptimeSeconds, draining, counts }: FleetStatus): string {
  const numbers = Object.entries(counts).flatMap(([standing, number]) => (number > 0 ? [`${number} ${standing}`] : []));
  const jobs = numbers.length === 0 ? "no jobs" : numbers.join(", ");
  return `${policy} on ${counted(pipelines.length, "pipeline")}, up ${formatSeconds(uptimeSeconds)}${draining ? ", ending" : ""}: ${jobs}`;
}

/** One job in a line: where it is and why. */
export function jobLine(job: JobStatus, now: number): string {
  const why = job.why === "" ? "" : `: ${job.why}`;
  const { predictedEnd } = job;
  const late = lateness(job, now);
  if (isOver(job) || predictedEnd === null) return `${job.name} is ${job.standing}${late}${why}`;
  const lines = outlookLines(outlookRanges(predictedEnd.outlooks, now));
  const end = `${job.name} is ${job.standing}${why}; predicted to end ${fromNow(predictedEnd, now)}${late}`;
  return [end, ...lines].join("\n");
}

/** What happened, a line each. */
export function noticeLines(notice: Notice): readonly string[] {
  switch (notice.kind) {
    case "step":
      return [`${notice.name} step ${notice.step}: loss ${lossText(notice.loss)}, ${formatSeconds(notice.seconds)}`];
    case "evaluation": {
      const lowest = notice.best ? ", the lowest" : "";
      return [`${notice.name} step ${notice.step}: evaluation loss ${lossText(notice.loss)}${lowest}`];
    }
    case "sample":
      return notice.answers.map(({ prompt, by, text }) => {
        const who = by === "base" ? "the base" : notice.name;
        return `${notice.name} step ${notice.step}: ${JSON.stringify(prompt)}, ${who}: ${JSON.stringify(text)}`;
      });
    case "end": {
      const adapter = notice.adapter === null ? "" : `, adapter in ${notice.adapter}`;
      return [`${formatSeconds(notice.atSeconds)}: ${notice.name} ${notice.standing}: ${notice.why}${adapter}`];
    }
    case "decisions":
      return notice.decisions.map(({ kind, name, pipeline, why }) => {
        const where = pipeline === null ? "" : ` on pipeline ${pipeline}`;
        return `${formatSeconds(notice.atSeconds)}: ${kind} ${name}${where}: ${why}`;
      });
  }
}
