import { expect } from "vitest";
import { createRng, mean, sum } from "../../core/index.ts";
import { adapterBytesOn, roomForAdapters } from "../../plan/growth/adapter-shares.ts";
import {
  type FleetEvent,
  type JournalLine,
  type LearnedSizes,
  policyOf,
  Scheduler,
  type Setting,
  settingResources,
  UNFUSED_PROJECTIONS,
} from "../../plan/index.ts";
import { runFleet } from "./live-script.ts";
import { type SmallJob, smallCase } from "./small-run.ts";

/** From so many points on a fit is relied on. */
const SETTLED = 15;
const MOST = 3;

/** Short jobs of any rank and projections. */
function randomCase(numJobs: number, name: string) {
  const rng = createRng(name);
  return smallCase(
    Array.from({ length: numJobs }, (): SmallJob => {
      const targets = rng.nextInt(2) === 0 ? (["q_proj", "v_proj"] as const) : UNFUSED_PROJECTIONS;
      return { rank: 1 + rng.nextInt(16), targets: [...targets], steps: 2 + rng.nextInt(2), length: 6, spread: 9 };
    }),
  );
}

export function measuredIn({ events }: JournalLine): readonly Extract<FleetEvent, { kind: "measured" }>[] {
  return events.filter((event) => event.kind === "measured");
}

function stagesOf(setting: Setting, pipeline: number): readonly number[] {
  const { firstStage, endStage } = setting.pipelines[pipeline]!;
  return Array.from({ length: endStage - firstStage }, (_, at) => firstStage + at);
}

export type Start = (setting: Setting) => NonNullable<LearnedSizes["start"]>;

/** Starts that are far off. Adapters of GPUs are padded, which no other knows than what is planned. */
export const KNOWS_RANKS_ALONE: Start =
  () =>
  (stage, { job }) =>
    40 + 20 * stage + 300 * job.adapter.rank;
export const HALF_OF_PLANNED: Start =
  (setting) =>
  (stage, { job }) =>
    adapterBytesOn(setting, stage, job) / 2;

/** Follows a journal beside what devices took: relative errors of predictions in turn, and the fullest that one was. */
function watch({ lines, setting, works }: Awaited<ReturnType<typeof runFleet>>, start: Start) {
  const learned = { start: start(setting) };
  const resources = settingResources({ setting, works, most: MOST, learned, iterationNs: () => 1e9 });
  const scheduler = new Scheduler(policyOf("mlora", resources), resources);
  const on = new Map<number, number>();
  const errors: number[] = [];
  let [fullest, together] = [0, 0];
  for (const line of lines) {
    for (const { number, bytes } of measuredIn(line)) {
      const job = scheduler.job(number);
      const stages = stagesOf(setting, job.pipeline!);
      // What is planned is what devices take.
      expect(bytes).toEqual(stages.map((stage) => adapterBytesOn(setting, stage, works[number]!.job)));
      if (job.measured !== undefined) continue;
      const expected = scheduler.resources.learning!.expected(job.pipeline!, job);
      errors.push(mean(bytes.map((each, at) => Math.abs(expected[at]! / each - 1))));
    }
    expect(scheduler.trigger(line.atNs, line.events)).toEqual(line);
    for (const event of line.events) if (event.kind === "ended") on.delete(event.number);
    for (const { kind, number, pipeline } of line.decisions) {
      if (kind === "start" || kind === "resume") on.set(number, pipeline!);
      if (kind === "preempt" || kind === "stop") on.delete(number);
    }
    for (const pipeline of setting.pipelines.keys()) {
      const own = [...on].flatMap(([number, where]) => (where === pipeline ? [works[number]!.job] : []));
      together = Math.max(together, own.length);
      for (const stage of stagesOf(setting, pipeline)) {
        const taken = sum(own.map((job) => adapterBytesOn(setting, stage, job)));
        fullest = Math.max(fullest, taken / roomForAdapters(setting, stage));
      }
    }
  }
  return { errors, fullest, together };
}

/** Trains jobs whose sizes nobody knows, and asks for what is promised of that. */
export async function checkMeasuredFleet(
  numJobs: number,
  { devices, pipelines, start }: { readonly devices: string; readonly pipelines: number; readonly start: Start },
): Promise<void> {
  const first = Array.from({ length: numJobs }, (_, index) => index);
  const ran = await runFleet(randomCase(numJobs, `${devices} ${pipelines}`), {
    ...{
      devices,
      pipelines,
      policy: "mlora",
      most: MOST,
      learned: (setting) => ({ start: start(setting) }),
      first,
      at: {},
    },
  });
  expect(ran.ended.size).toBe(numJobs);
  const { errors, fullest, together } = watch(ran, start);
  expect(errors.length).toBe(numJobs);
  expect(errors[0]).toBeGreaterThan(0.3);
  expect(mean(errors.slice(SETTLED))).toBeLessThan(0.005);
  expect(together).toBeGreaterThan(1);
  expect(fullest).toBeLessThanOrEqual(1);
}
