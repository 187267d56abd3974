import { groupBy, maximum, mean, quantile, sum } from "../../../core/index.ts";
import type { FleetOutcome, JobRequest } from "../../../plan/index.ts";
import { type GoldenRun, outcomesOf, requestsOf } from "../golden-run.ts";
import { type Asked, rangeText } from "./asked.ts";

/** Policies that have no reason to let of two equal jobs the later one go first. */
const IN_ORDER = ["fifo", "sjf", "priority", "mlora", "deadline"];
/** Policies that leave no pipeline empty while a job waits that may train. */
const BUSY = ["fifo", "adaptive", "packed", "fair", "deadline", "twin"];

/** A piece of a job's time on a pipeline. */
export interface Stay {
  readonly pipeline: number;
  readonly fromNs: number;
  untilNs: number;
}

/** What a journal says of a job, and nothing else does. */
interface Story {
  readonly number: number;
  readonly request: JobRequest;
  readonly stays: Stay[];
  done: number;
  preemptions: number;
  endNs: number | undefined;
  isRefused: boolean;
}

/** What a journal tells: the stories of all jobs by their numbers, and what of it cannot be. */
export interface ToldFleet {
  readonly stories: ReadonlyMap<number, Story>;
  readonly faults: readonly string[];
}

/** What the journal of a run tells. */
export function toldFleet(run: GoldenRun, { jobsAtOnce, policy = "" }: Asked): ToldFleet {
  const stories = new Map<number, Story>();
  const faults: string[] = [];
  const on = new Map<number, number>();
  let lastNs = 0;
  const close = (story: Story, atNs: number): void => {
    const stay = story.stays.at(-1);
    if (stay?.untilNs === Number.POSITIVE_INFINITY) stay.untilNs = atNs;
    on.delete(story.number);
  };
  for (const { atNs, events, decisions } of run.journal) {
    if (atNs < lastNs) faults.push("the journal goes back in time");
    lastNs = atNs;
    for (const event of events) {
      const { number } = event;
      if (event.kind === "arrived") {
        const { request } = event;
        if (request.arrivalNs > atNs) faults.push(`${request.name} is there before it comes`);
        stories.set(number, {
          ...{ number, request, stays: [], done: 0, preemptions: 0, endNs: undefined, isRefused: false },
        });
      } else if (event.kind === "progress") {
        const story = stories.get(number)!;
        if (!on.has(number)) faults.push(`${story.request.name} goes on without a pipeline`);
        if (event.done < story.done) faults.push(`${story.request.name} loses iterations`);
        story.done = event.done;
      } else if (event.kind === "ended") {
        const story = stories.get(number)!;
        if (story.done !== story.request.iterations)
          faults.push(`${story.request.name} ends after ${story.done} of ${story.request.iterations} iterations`);
        story.endNs = atNs;
        close(story, atNs);
      }
    }
    for (const { kind, number, name, pipeline } of decisions) {
      const story = stories.get(number);
      if (story === undefined) faults.push(`${name} is decided on before it comes`);
      else if (kind === "start" || kind === "resume") {
        if (on.has(number)) faults.push(`${name} starts twice`);
        if ((kind === "start") !== (story.stays.length === 0)) faults.push(`${name} has a ${kind} out of turn`);
        on.set(number, pipeline!);
        story.stays.push({ pipeline: pipeline!, fromNs: atNs, untilNs: Number.POSITIVE_INFINITY });
      } else if (kind === "preempt") {
        story.preemptions += 1;
        close(story, atNs);
      } else if (kind === "stop") {
        story.endNs = atNs;
        close(story, atNs);
      } else if (kind === "refuse") {
        if (story.stays.length > 0) faults.push(`${name} is refused after it began`);
        story.isRefused = true;
      }
    }
    faults.push(
      ...crowded(on, jobsAtOnce),
      ...idle(run, stories, on, policy),
      ...wrongTurn(stories, on, decisions, policy),
    );
  }
  return { stories, faults };
}

/** Pipelines with more jobs than may train at once. */
function crowded(on: ReadonlyMap<number, number>, jobsAtOnce: number | undefined): readonly string[] {
  if (jobsAtOnce === undefined) return [];
  const most = maximum([
    0,
    ...[...groupBy([...on.values()], (pipeline) => pipeline).values()].map(({ length }) => length),
  ]);
  return most > jobsAtOnce ? [`${most} jobs train at once on a pipeline, where ${jobsAtOnce} may`] : [];
}

const isWaiting = ({ endNs, isRefused, number }: Story, on: ReadonlyMap<number, number>): boolean =>
  endNs === undefined && !isRefused && !on.has(number);

/** A pipeline that is empty while a job waits. */
function idle(
  { metrics }: GoldenRun,
  stories: ReadonlyMap<number, Story>,
  on: ReadonlyMap<number, number>,
  policy: string,
): readonly string[] {
  const numPipelines = metrics?.utilisation?.length ?? 0;
  if (!BUSY.includes(policy) || new Set(on.values()).size >= numPipelines) return [];
  const waiting = [...stories.values()].find((story) => isWaiting(story, on));
  return waiting === undefined ? [] : [`a pipeline is empty while ${waiting.request.name} waits`];
}

/** Somebody begins whom somebody else who waits goes before, by what the policy is called after. */
function wrongTurn(
  stories: ReadonlyMap<number, Story>,
  on: ReadonlyMap<number, number>,
  decisions: GoldenRun["journal"][number]["decisions"],
  policy: string,
): readonly string[] {
  const goesBefore = {
    fifo: (a: JobRequest, b: JobRequest) => a.arrivalNs < b.arrivalNs,
    priority: (a: JobRequest, b: JobRequest) => a.priority > b.priority,
    deadline: (a: JobRequest, b: JobRequest) => (a.deadlineNs ?? Infinity) < (b.deadlineNs ?? Infinity),
  }[policy];
  if (goesBefore === undefined) return [];
  for (const { kind, number, name } of decisions) {
    if (kind !== "start" && kind !== "resume") continue;
    const other = [...stories.values()].find(
      (story) => isWaiting(story, on) && goesBefore(story.request, stories.get(number)!.request),
    );
    if (other !== undefined)
      return [`${name} begins while ${other.request.name} waits, which goes before it under ${policy}`];
  }
  return [];
}

/** Figures and outcomes that are not those of the journal. */
function wrongFigures({ metrics }: GoldenRun, stories: ReadonlyMap<number, Story>): readonly string[] {
  const isOther = (told: number | undefined, found: number): boolean =>
    told !== undefined && Math.abs(told - found) > 1e-9 * Math.max(1, Math.abs(found));
  const ended = [...stories.values()].filter(({ endNs }) => endNs !== undefined);
  const turnarounds = ended.map(({ endNs, request }) => (endNs! - request.arrivalNs) / 1e9);
  const { turnaroundSeconds, makespanSeconds, tokensPerSecond, refused, preemptions } = metrics!;
  const tokens = sum([...stories.values()].map(({ done, request }) => done * request.tokens));
  const told: readonly (readonly [string, number | undefined, number])[] = [
    ["mean turnaround", turnaroundSeconds?.mean, mean(turnarounds)],
    ["turnaround of 95 %", turnaroundSeconds?.p95, quantile(turnarounds, 0.95)],
    ["time", makespanSeconds, maximum(ended.map(({ endNs }) => endNs!)) / 1e9],
    ["rate of tokens", tokensPerSecond, tokens / makespanSeconds],
    ["number of refused jobs", refused, [...stories.values()].filter(({ isRefused }) => isRefused).length],
    ["number of preemptions", preemptions, [...stories.values()].reduce((sum, story) => sum + story.preemptions, 0)],
  ];
  const wrong = told.find(([, figure, found]) => isOther(figure, found));
  if (wrong !== undefined)
    return [`the ${wrong[0]} that is told, ${wrong[1]}, is not that of the journal, ${wrong[2]}`];
  for (const { number, name, startNs, trainedNs, iterations } of outcomesOf(metrics!)) {
    const story = stories.get(number);
    if (story === undefined) return [`${name} is told of, and has never come`];
    const onDevices = story.stays.reduce((total, { fromNs, untilNs }) => total + untilNs - fromNs, 0);
    if (startNs !== undefined && startNs !== story.stays[0]?.fromNs)
      return [`${name} is told to start at another time than the journal has`];
    if (story.endNs !== undefined && isOther(trainedNs, onDevices))
      return [`${name} is told to have trained ${trainedNs} ns, and was on pipelines for ${onDevices} ns`];
    if (iterations !== story.done)
      return [`${name} is told to have trained ${iterations} iterations, and the journal has ${story.done}`];
  }
  return [];
}

/** Of jobs that differ in nothing but when they came, a later one starts before an earlier one. */
function overtaken(run: GoldenRun, policy: string | undefined): readonly string[] {
  if (policy === undefined || !IN_ORDER.includes(policy)) return [];
  const requests = requestsOf(run);
  const alike = ({ number }: FleetOutcome): string => {
    const { arrivalNs: _at, name: _name, deadlineNs, ...same } = requests.get(number)!;
    return JSON.stringify([same, deadlineNs === null]);
  };
  const started = outcomesOf(run.metrics!).filter(
    ({ startNs, number }) => startNs !== undefined && requests.has(number),
  );
  for (const own of groupBy(started, alike).values()) {
    const inOrder = [...own].sort((a, b) => a.arrivalNs - b.arrivalNs || a.number - b.number);
    for (let at = 1; at < inOrder.length; at += 1) {
      const [before, after] = [inOrder[at - 1]!, inOrder[at]!];
      if (after.startNs! < before.startNs!)
        return [`equal jobs are out of order: ${after.name} starts before ${before.name}, which came first`];
    }
  }
  return [];
}

/** Jobs that are not what the workload asks for. */
function otherJobs(stories: ReadonlyMap<number, Story>, { jobOf }: Asked): readonly string[] {
  for (const { request } of stories.values()) {
    const asked = jobOf(request.name);
    if (asked === undefined) continue;
    const { steps, arrivalSeconds = 0, priority = 0, batchSize, rowTokens } = asked;
    if (request.arrivalNs !== Math.round(1e9 * arrivalSeconds))
      return [`${request.name} comes at another time than is asked for`];
    if (request.priority !== priority)
      return [`${request.name} has priority ${request.priority}, and asks for ${priority}`];
    if (steps !== undefined && request.iterations !== steps)
      return [`${request.name} trains ${request.iterations} iterations, and asks for ${steps}`];
    if (batchSize === undefined || rowTokens === undefined) continue;
    const [least, most] = rowTokens.map((tokens) => tokens * batchSize) as [number, number];
    if (request.tokens < least || request.tokens > most)
      return [`${request.name} trains ${request.tokens} tokens an iteration, and asks for ${rangeText([least, most])}`];
  }
  return [];
}

/** What of jobs over time is wrong by their journal. */
export function fleetFaults(run: GoldenRun, asked: Asked, { stories, faults }: ToldFleet): readonly string[] {
  return [
    ...overtaken(run, asked.policy),
    ...new Set(faults),
    ...otherJobs(stories, asked),
    ...wrongFigures(run, stories),
  ];
}
