import { afterEach, describe, expect, test } from "vitest";
import { type AdapterPair, type JobState, type LostPipeline, listener, listeners } from "../../exec/index.ts";
import { askForFaults } from "../../files/index.ts";
import { adapterBytes, runSmall, type SmallCase, type SmallRun, smallCase, TWO_JOBS } from "./small-run.ts";

const GIVEN = smallCase([...TWO_JOBS, { rank: 3, targets: ["up_proj", "o_proj"], steps: 5, microBatchSize: 4 }]);
/** So many steps that devices report many times. */
const LONG = smallCase(TWO_JOBS.map((job) => ({ ...job, steps: 150 })));
const TWO_PIPELINES = { devices: "cpu:0,cpu:1", pipelines: 2, groups: "unfused" } as const;

interface Outcome {
  readonly error: unknown;
  readonly lost: readonly LostPipeline[];
  readonly ended: ReadonlyMap<number, readonly AdapterPair[]>;
  /** What was told of jobs after a pipeline was lost. */
  readonly told: readonly ReadonlyMap<number, JobState>[];
}

/** A run in which the `at`-th action that comes to a device fails, whichever that is. */
async function losing(
  at: number,
  { hooks, ...run }: Partial<SmallRun> = {},
  given: SmallCase = GIVEN,
): Promise<Outcome> {
  const lost: LostPipeline[] = [];
  const ended = new Map<number, readonly AdapterPair[]>();
  const told: ReadonlyMap<number, JobState>[] = [];
  askForFaults(`action:${at}:memory`);
  try {
    await runSmall(given, {
      ...{ ...TWO_PIPELINES, ...run },
      hooks: {
        ...hooks,
        onEvent: listeners([
          ...(hooks?.onEvent === undefined ? [] : [hooks.onEvent]),
          listener({
            lost: (event) => lost.push(event.lost),
            ended: ({ job, adapter }) => ended.set(job, adapter),
            states: ({ states }) => {
              if (lost.length > 0) told.push(states);
            },
          }),
        ]),
      },
    });
    return { error: undefined, lost, ended, told };
  } catch (error) {
    return { error, lost, ended, told };
  }
}

afterEach(() => askForFaults(undefined));

describe("a pipeline whose device fails", () => {
  test("leaves the others their bytes, whichever action it is that fails", {
    tags: ["slow"],
    timeout: 120_000,
  }, async () => {
    const whole = await runSmall(GIVEN, TWO_PIPELINES);
    const numActions = whole.plan.actions.flat().length;
    const jobs = whole.adapters.map((_, job) => job);
    for (let at = 1; at <= numActions; at += 2) {
      const { error, lost, ended } = await losing(at);
      expect(lost).toHaveLength(1);
      expect(error).toBe(lost[0]!.error);
      // Each job has either ended, or is told of.
      expect([...ended.keys(), ...lost[0]!.jobs].sort()).toEqual(jobs);
      for (const [job, adapter] of ended) expect(adapterBytes(adapter)).toEqual(adapterBytes(whole.adapters[job]!));
    }
    expect((await losing(numActions + 1)).error).toBeUndefined();
  });

  test("does not keep the states of jobs of the others from being told", async () => {
    const { lost, told } = await losing(4, { hooks: { wantsStates: () => true } }, LONG);
    expect(told.length).toBeGreaterThan(0);
    for (const states of told) for (const job of states.keys()) expect(lost[0]!.jobs).not.toContain(job);
  }, 60_000);

  test("does not keep the others from ending early, with their states", async () => {
    const stop = new AbortController();
    const hooks = {
      stop: stop.signal,
      onEvent: listener({
        stepped: ({ metrics: { job, step } }) => {
          if (job === "job1" && step === 0) stop.abort();
        },
      }),
    };
    const { error, lost, told, ended } = await losing(4, { hooks });
    expect(error).toBe(lost[0]!.error);
    expect([...(told.at(-1)?.keys() ?? []), ...ended.keys()]).toEqual([1]);
  }, 60_000);

  test("fails the run at once where it is the only one", async () => {
    const { error, lost, ended } = await losing(4, { devices: "cpu:0,cpu:1", pipelines: 1 });
    expect(String(error)).toMatch(/Expected task 3 on device cpu:0 to finish/);
    expect([lost, [...ended.keys()]]).toEqual([[], []]);
  }, 60_000);
});
