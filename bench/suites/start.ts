import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { nativeInfo } from "../../exec/index.ts";
import type { Parameters } from "../measurement.ts";
import { summarize } from "../measurement.ts";
import { type QueueStart, queueStart } from "../queue-start.ts";
import { type StartData, startData } from "../start-data.ts";
import { type Build, baselineName, buildsOf, coldAndWarm, timeCommand } from "../start-process.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";

const ROUNDS: Readonly<Record<Scale, number>> = { full: 7, default: 3, quick: 1, tiny: 1 };
const JOBS: Readonly<Record<Scale, readonly number[]>> = {
  full: [1, 4, 8],
  default: [1, 4, 8],
  quick: [1, 4],
  tiny: [1, 2],
};

/** Values by name, in the order of the rounds. */
type Values = Map<string, number[]>;

function add(values: Values, name: string, value: number): void {
  values.set(name, [...(values.get(name) ?? []), value]);
}

/** Seconds, and beside those of the other build how many times this one's they are. */
function recordTimes(bench: Bench, parameters: Parameters, values: Values, builds: readonly Build[]): void {
  for (const [name, seconds] of values) bench.record({ name, parameters, ...summarize(seconds), unit: "s" });
  for (const { suffix } of builds.slice(1)) {
    for (const [name, seconds] of values) {
      const others = values.get(`${name}${suffix}`);
      if (others === undefined) continue;
      const ratios = seconds.map((own, round) => others[round]! / own);
      bench.record({ name: `${name}, baseline to this`, parameters, ...summarize(ratios), unit: "ratio" });
    }
  }
}

/** Every other round backwards, so that no turn always follows the same one. */
async function inTurns(rounds: number, turns: readonly (() => Promise<void>)[]): Promise<void> {
  for (let round = 0; round < rounds; round += 1)
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
}

function devices(): string {
  return nativeInfo().cores.length < 2 ? "cpu:0" : "cpu:0,cpu:1";
}

/** Of an own cache a build, so that neither finds what the other kept. */
function cacheOf({ folder }: StartData, { suffix }: Build): string {
  return path.join(folder, `cache${suffix}`);
}

/** What a process takes before it does anything: Node alone, and with all that the command line loads. */
async function measureLoading(bench: Bench): Promise<void> {
  const builds = buildsOf(bench.baseline);
  using data = startData("tiny");
  const values: Values = new Map();
  const time = async (name: string, words: readonly string[], build: Build): Promise<void> =>
    add(values, name, (await timeCommand(words, { folder: data.folder, cache: cacheOf(data, build) })).seconds);
  await inTurns(2 * ROUNDS[bench.scale], [
    () => time("Node alone", ["-e", "0"], builds[0]!),
    ...builds.map((build) => () => time(`--version${build.suffix}`, [build.main, "--version"], build)),
  ]);
  recordTimes(bench, { process: "loaded" }, values, builds);
}

async function measurePlan(bench: Bench): Promise<void> {
  const builds = buildsOf(bench.baseline);
  const jobs = JOBS[bench.scale];
  using data = startData(bench.scale);
  const model = data.tokenized();
  const values = new Map(jobs.map((count): [number, Values] => [count, new Map()]));
  const turns = jobs.flatMap((count) => {
    const file = data.writeWorkload({ model, jobs: count, steps: 20 });
    return builds.map((build) => async (): Promise<void> => {
      const cache = cacheOf(data, build);
      const words = [build.main, "plan", file, "--devices", devices(), "--output", "plan.json", "--quiet"];
      const { cold, warm } = await coldAndWarm(cache, () => timeCommand(words, { folder: data.folder, cache }));
      add(values.get(count)!, `cold${build.suffix}`, cold.seconds);
      add(values.get(count)!, `warm${build.suffix}`, warm.seconds);
    });
  });
  await inTurns(ROUNDS[bench.scale], turns);
  for (const [count, of] of values) {
    const parameters = { plan: `${data.numRows} rows (${data.rows})`, jobs: count };
    recordTimes(bench, parameters, of, builds);
    for (const name of count === jobs[0] ? [] : ["cold", "warm"]) {
      const alone = values.get(jobs[0]!)!.get(name)!;
      const ratios = of.get(name)!.map((seconds, round) => seconds / alone[round]!);
      bench.record({ name: `${name}, to one job`, parameters, ...summarize(ratios), unit: "ratio" });
    }
  }
}

/** A plan of a workload by a build, in its file, and the cache that the build filled. */
async function planOf(data: StartData, build: Build, workload: string, onDevices = devices()) {
  const [cache, plan] = [cacheOf(data, build), `plan${build.suffix}.json`];
  const words = [build.main, "plan", workload, "--devices", onDevices, "--output", plan];
  await timeCommand(words, { folder: data.folder, cache });
  return { plan, cache };
}

/** A finished plan simulated with and without intervals of its figures: of GPUs, before which no probe of them goes. */
async function measureIntervals(bench: Bench): Promise<void> {
  const builds = buildsOf(bench.baseline);
  using data = startData(bench.scale === "tiny" ? "tiny" : "quick");
  const { folder } = data;
  const steps = bench.scale === "tiny" ? 20 : 900;
  const file = data.writeWorkload({ model: data.tokenized(), jobs: 8, steps });
  const values: Values = new Map();
  const turns: (() => Promise<void>)[] = [];
  for (const build of builds) {
    const { plan, cache } = await planOf(data, build, file, "H100 SXM*4");
    const time = async (...words: readonly string[]): Promise<number> => {
      const simulate = [build.main, "simulate", plan, "--json", "--quiet", ...words];
      return (await timeCommand(simulate, { folder, cache })).seconds;
    };
    turns.push(async () => {
      const [drawn, exact] = [await time(), await time("--no-intervals")];
      add(values, `with intervals${build.suffix}`, drawn);
      add(values, `without${build.suffix}`, exact);
      add(values, `intervals alone${build.suffix}`, drawn - exact);
    });
  }
  await inTurns(ROUNDS[bench.scale], turns);
  recordTimes(bench, { simulate: `${steps} steps of 8 jobs on 4 GPUs` }, values, builds);
}

/** Seconds from the start of a run's process to its first action; undefined for a build that does not write it down. */
function firstAction(run: string, startMs: number): number | undefined {
  const lines = readFileSync(path.join(run, "journal.jsonl"), "utf8").trim().split("\n");
  const events = lines.map((line) => JSON.parse(line) as { readonly event: string; readonly time: string });
  const ready = events.find(({ event }) => event === "ready");
  return ready === undefined ? undefined : (Date.parse(ready.time) - startMs) / 1e3;
}

/** A finished plan trained for one step: what the process takes until its first action, and around the training. */
async function measureTrain(bench: Bench): Promise<void> {
  const builds = buildsOf(bench.baseline);
  using data = startData(bench.scale);
  const { folder } = data;
  const file = data.writeWorkload({ model: data.trained(), jobs: 4, steps: 1 });
  const values: Values = new Map();
  const turns: (() => Promise<void>)[] = [];
  for (const build of builds) {
    const { plan, cache } = await planOf(data, build, file);
    const run = path.join(folder, "run");
    const train = async (): Promise<ReadonlyMap<string, number>> => {
      rmSync(run, { recursive: true, force: true });
      const words = [build.main, "train", plan, "--output", "run", "--json", "--quiet"];
      const { seconds, startMs, stdout } = await timeCommand(words, { folder, cache });
      const { makespanSeconds } = JSON.parse(stdout) as { readonly makespanSeconds: number };
      const first = firstAction(run, startMs);
      const around = ["around the training", seconds - makespanSeconds] as const;
      return new Map(first === undefined ? [around] : [["first action", first], around]);
    };
    turns.push(async () => {
      const { cold, warm } = await coldAndWarm(cache, train);
      for (const [name, seconds] of cold) add(values, `${name}, cold${build.suffix}`, seconds);
      for (const [name, seconds] of warm) add(values, `${name}, warm${build.suffix}`, seconds);
    });
  }
  await inTurns(ROUNDS[bench.scale], turns);
  recordTimes(bench, { train: "one step of 4 jobs", rows: `${data.numRows} (${data.rows})` }, values, builds);
}

/** Jobs in a queue, and steps of each: one job is what the process takes anyway. */
const QUEUES: Readonly<Record<Scale, readonly (readonly [jobs: number, steps: number])[]>> = {
  full: [
    [1, 20],
    [300, 200],
    [300, 2000],
    [3000, 20],
  ],
  default: [
    [1, 20],
    [300, 200],
    [300, 2000],
    [3000, 20],
  ],
  quick: [
    [1, 20],
    [300, 2000],
  ],
  tiny: [
    [1, 2],
    [20, 50],
  ],
};

/** A fleet that begins with a queue: from the start of its process, reading data included, to its first step. */
async function measureQueue(bench: Bench): Promise<void> {
  using data = startData(bench.scale === "tiny" ? "tiny" : "quick");
  const model = data.tokenized();
  for (const [jobs, steps] of QUEUES[bench.scale]) {
    const file = data.writeWorkload({ model, jobs, steps });
    const starts: QueueStart[] = [];
    for (let round = 0; round < ROUNDS[bench.scale]; round += 1)
      starts.push(await queueStart(buildsOf(undefined)[0]!.main, file, data.folder, devices()));
    const parameters = { serve: `${data.numRows} rows (${data.rows})`, jobs, steps };
    const [seconds, bytes] = [starts.map((each) => each.seconds), starts.map((each) => each.residentBytes)];
    bench.record({ name: "first step of a queue", parameters, ...summarize(seconds), unit: "s" });
    bench.record({ name: "peak memory at that", parameters, ...summarize(bytes), unit: "B" });
  }
}

interface CaseSeconds {
  readonly loading: number;
  readonly plan: number;
  readonly intervals: number;
  readonly train: number;
  readonly queue: number;
}

/** With another build about three times as long: it may be slower. */
const SECONDS: Readonly<Record<Scale, CaseSeconds>> = {
  full: { loading: 10, plan: 110, intervals: 40, train: 100, queue: 120 },
  default: { loading: 5, plan: 50, intervals: 20, train: 50, queue: 60 },
  quick: { loading: 2, plan: 10, intervals: 10, train: 10, queue: 10 },
  tiny: { loading: 2, plan: 5, intervals: 10, train: 5, queue: 5 },
};

export const start: Suite = {
  describe:
    "what people wait for: plan, intervals, train until its first action, and serve a queue until its first step, as processes",
  cases({ scale, baseline }) {
    const { loading, plan, intervals, train, queue } = SECONDS[scale];
    const others = baseline === undefined ? {} : { input: `baseline ${baselineName(baseline)}` };
    const of = (name: string, seconds: number, run: Case["run"]): Case => ({
      name,
      seconds: baseline === undefined ? seconds : 3 * seconds,
      ...others,
      run,
    });
    return [
      of("loading", loading, measureLoading),
      of("plan", plan, measurePlan),
      of("intervals", intervals, measureIntervals),
      of("train", train, measureTrain),
      // Of this build alone.
      ...(baseline === undefined ? [{ name: "queue", seconds: queue, run: measureQueue }] : []),
    ];
  },
};
