import { InputError } from "../../core/index.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { type Costed, candidate, costsOf, type Draft, firstSteps, PROBE_STEPS } from "./draft.ts";

/** Steps in which the pipeline fills. The probe's others stand for all that follow. */
const FILLING_STEPS = 2;
/** Of the time, what more groups have to save: they are more actions, and cost models are no more exact. */
const LEAST_SAVING = 0.03;

/** Numbers of groups worth a look, ascending: one a device, doubled and doubled again, and one a job. */
function worthALook(numJobs: number, numDevices: number): readonly number[] {
  const counts: number[] = [];
  for (let count = numDevices; count < numJobs; count *= 2) counts.push(count);
  return [...counts, numJobs];
}

/** Predicted nanoseconds of `numSteps` steps of each job, from a draft of at least the probe's. */
function predictedNs(request: Costed, draft: Draft, numSteps: number): number {
  const { maxInFlight } = request;
  const limit = typeof maxInFlight === "number" ? maxInFlight : null;
  const makespanNs = (steps: number): number => {
    const probe = firstSteps(draft, steps);
    return candidate(probe, costsOf(request, probe), limit).makespanNs;
  };
  const probeNs = makespanNs(PROBE_STEPS);
  if (numSteps <= PROBE_STEPS) return probeNs;
  const stepNs = (probeNs - makespanNs(FILLING_STEPS)) / (PROBE_STEPS - FILLING_STEPS);
  return probeNs + stepNs * (numSteps - PROBE_STEPS);
}

/**
 * Numbers of BatchLoRA groups for a request: the one to take, and behind it what to take where the devices' memory does not hold it. `auto` is the
 * fewest groups, so the longest micro-batches, whose predicted time is within `LEAST_SAVING` of the least: where rows are of unequal lengths, as many
 * groups as devices leave bubbles. `draftOf`: the first steps of the plan with so many groups.
 * @throws InputError for more groups than jobs.
 */
export function groupCounts(
  request: Costed,
  draftOf: (numGroups: number, numSteps: number) => Draft,
): readonly number[] {
  const numJobs = request.jobs.length;
  const { groups } = request;
  if (typeof groups === "number") {
    if (groups > numJobs)
      throw new InputError({ expected: `at most as many groups as jobs (${numJobs})`, at: "--groups", got: groups });
    return [groups];
  }
  if (groups === "unfused" || !SCHEDULE_TABLE[request.schedule].interleavesGroups) return [numJobs];
  const counts = worthALook(numJobs, request.devices.length);
  if (counts.length === 1) return counts;
  const numSteps = Math.max(...request.rows.map(({ steps }) => steps.length));
  const times = counts.map((count) => predictedNs(request, draftOf(count, PROBE_STEPS), numSteps));
  const least = Math.min(...times);
  return counts.slice(times.findIndex((time) => time <= least * (1 + LEAST_SAVING)));
}
