import { z } from "zod";
import { type FleetChronicle, type JobHistory, nameSchema } from "../plan/index.ts";

const seconds = z.number().min(0);
const count = z.int().min(0);
const sentence = z.string().max(4096);

/** What a job did for a while. */
const spanSchema = z.strictObject({
  kind: z.enum(["waiting", "training", "leaving", "preempted", "paused"]),
  startSeconds: seconds,
  endSeconds: seconds,
  /** Where it trains; null while it does not. */
  pipeline: count.nullable(),
  /** Iterations that it had behind it. */
  done: count,
  /** Of the decision that began it; empty for an arrival. */
  why: sentence,
});

const drawnJobSchema = z.strictObject({
  name: nameSchema,
  user: z.string().max(256),
  priority: z.int(),
  arrivalSeconds: seconds,
  iterations: count,
  outcome: z.enum(["ended", "stopped", "refused", "unfinished"]),
  /** Why it was stopped or refused. */
  why: sentence,
  /** The latest ones, in time. */
  spans: z.array(spanSchema),
});
export type DrawnJob = Readonly<z.infer<typeof drawnJobSchema>>;

/** What jobs did over time, up to now: those that are not over, and the latest that are; how many were left out. */
export const fleetPictureSchema = z.strictObject({
  atSeconds: seconds,
  jobs: z.array(drawnJobSchema),
  omitted: count,
});
export type FleetPicture = Readonly<z.infer<typeof fleetPictureSchema>>;

/** How many jobs a picture has at most. */
export const pictureQuerySchema = z.strictObject({ jobs: z.coerce.number().int().min(1).max(1000).default(60) });

/** What is remembered for pictures: jobs that are over, and spans of each job. */
export const KEPT_FOR_PICTURES = { mostOver: 1000, mostSpans: 100 } as const;

function drawnJob({ request, outcome, why, spans }: JobHistory): DrawnJob {
  const { name, user, priority, arrivalNs, iterations } = request;
  return {
    ...{ name, user, priority, iterations, outcome, why, arrivalSeconds: arrivalNs / 1e9 },
    spans: spans.map(({ kind, startNs, endNs, pipeline, done, why: reason }) => ({
      ...{ kind, done, why: reason, pipeline: pipeline ?? null },
      startSeconds: startNs / 1e9,
      endSeconds: endNs / 1e9,
    })),
  };
}

/** At most so many jobs of a fleet at a time, in the order of arrival: first those that are not over, then the latest. */
export function fleetPicture(chronicle: FleetChronicle, atNs: number, most: number): FleetPicture {
  const { jobs, endNs } = chronicle.history(atNs, most);
  return { atSeconds: endNs / 1e9, jobs: jobs.map(drawnJob), omitted: chronicle.numJobs - jobs.length };
}
