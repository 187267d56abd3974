import { describe, expect, it } from "vitest";
import { createRng, maximum, median, type Rng, sum } from "../../../core/index.ts";
import { roomOf } from "../../../plan/actions/pipelines.ts";
import { adapterBytesOn } from "../../../plan/growth/adapter-shares.ts";
import {
  createCostModel,
  type FleetWork,
  fleetSetting,
  type JournalLine,
  type LearnedSizes,
  policyOf,
  Scheduler,
  type Setting,
  settingResources,
  UNFUSED_PROJECTIONS,
} from "../../../plan/index.ts";
import { stageLayout } from "../../../plan/memory/stage-layout.ts";
import { microBatchUnits } from "../../../plan/memory/stash.ts";
import { type FleetMember, type SimulatedFleet, simulateFleet, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, type SmallJob, smallCase } from "../../exec/small-run.ts";

const JOBS = 100;
const PIPELINES = [0, 1];
/** Of a pipeline; both are divided alike. */
const STAGES = [0, 1];
/** Room of a device by the job that takes the most of it. */
const OF_LARGEST = 1.5;

function randomJob(rng: Rng): SmallJob {
  const microBatchSize = 1 + rng.nextInt(3);
  return {
    rank: 1 + rng.nextInt(16),
    targets: rng.nextInt(2) === 0 ? ["q_proj", "v_proj"] : [...UNFUSED_PROJECTIONS],
    microBatchSize,
    batchSize: microBatchSize * (1 + rng.nextInt(3)),
    // Most rows are short.
    length: Math.round(6 * 16 ** rng.nextFloat()),
    spread: 1 + rng.nextInt(12),
    steps: 6 + rng.nextInt(20),
  };
}

/** What a job really takes of a stage: adapter, slots and workspace of its own, and half a percent of noise. */
function trueBytes(setting: Setting, index: number, { job, steps }: FleetWork, rng: Rng): number {
  const { model, stages, devices } = setting;
  const stage = stages[index]!;
  const parts = [...steps].flat();
  const sizes = {
    maxTokens: maximum(parts.map((rows) => sum(rows.map(([, , count]) => count)))),
    maxSequence: maximum(parts.flat().map(([, , count]) => count)),
  };
  const { kind, threads } = devices[stage.device]!;
  const room = roomOf(model.architecture, [job], sizes);
  const layout = stageLayout({ ...model, stage, room, kind, threads });
  const units = maximum(parts.map((rows) => microBatchUnits({ rows: [...rows] })));
  const atOnce = maximum(Array.from(steps, ({ length }) => length));
  const bytes = adapterBytesOn(setting, index, job) + units * atOnce * layout.unitBytes + layout.workBytes;
  return Math.round(bytes * (1 + 0.01 * (rng.nextFloat() - 0.5)));
}

interface Soak {
  readonly setting: Setting;
  readonly members: readonly FleetMember[];
  /** In the order of arrival. */
  readonly inOrder: readonly FleetMember[];
  /** Bytes by stage. */
  readonly room: readonly number[];
  run(learned?: Omit<LearnedSizes, "room">): SimulatedFleet;
}

function soak(): Soak {
  const rng = createRng("soak 0");
  const jobs = Array.from({ length: JOBS }, () => randomJob(rng));
  const plan = planSmall(smallCase(jobs), { devices: "unit*4", groups: "unfused", pipelines: 2 });
  const setting = fleetSetting(plan);
  const works = worksOfPlan(plan);
  const members = works.map(
    (work): FleetMember => ({
      work: { ...work, job: { ...work.job, priority: rng.nextInt(3) } },
      arrival: { user: "", arrivalNs: Math.round(rng.nextFloat() * 4e12), deadlineNs: null },
      takes: STAGES.map((stage) => trueBytes(setting, stage, work, rng)),
    }),
  );
  const ofStage = STAGES.map((stage) => Math.round(OF_LARGEST * maximum(members.map(({ takes }) => takes![stage]!))));
  const room = [...ofStage, ...ofStage];
  const costs = createCostModel(plan.calibration, "float32");
  return {
    setting,
    members,
    inOrder: [...members].sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs),
    room,
    run: (learned = {}) =>
      simulateFleet({
        setting,
        costs,
        members,
        policy: "mlora",
        learned: { ...learned, room: (stage) => room[stage]! },
      }),
  };
}

/** Follows a journal beside what jobs really take, which no scheduler knows. */
function watch({ inOrder, room }: Soak, journal: readonly JournalLine[]) {
  const placed = new Map<number, number>();
  const measured = new Set<number>();
  /** Jobs that have outgrown their pipeline and train to the end of their iteration. */
  const outgrown = new Set<number>();
  const preemptedAsLarge = new Set<number>();
  let [over, fullest] = [0, 0];
  for (const { events, decisions } of journal) {
    for (const { kind, number } of events) {
      if (kind === "measured") measured.add(number);
      if (kind === "ended") placed.delete(number);
    }
    for (const { kind, number, pipeline, why } of decisions) {
      if (kind === "start" || kind === "resume") placed.set(number, pipeline!);
      if (kind === "preempt" || kind === "stop") placed.delete(number);
      if (kind === "leave" && why.includes("kept for it")) outgrown.add(number);
      else outgrown.delete(number);
      if (kind === "preempt" && why.includes("kept for it")) preemptedAsLarge.add(number);
    }
    for (const pipeline of PIPELINES) {
      const own = [...placed].filter(([, where]) => where === pipeline).map(([number]) => number);
      const shares = STAGES.map((stage) => sum(own.map((number) => inOrder[number]!.takes![stage]!)) / room[stage]!);
      fullest = Math.max(fullest, ...shares);
      if (maximum(shares) <= 1) continue;
      over += 1;
      // Nobody else is to blame.
      expect(own.some((number) => !measured.has(number) || outgrown.has(number))).toBe(true);
    }
  }
  return { over, fullest, preemptedAsLarge };
}

describe("100 jobs on devices that are too small for three of the largest, whose sizes nobody knows before", () => {
  const given = soak();

  it("start from a model that says too little of most of them, and of some far too little", () => {
    const shares = given.members.map(({ work, takes }) => adapterBytesOn(given.setting, 0, work.job) / takes![0]!);
    expect(median(shares)).toBeLessThan(0.3);
    expect(maximum(shares)).toBeLessThan(1);
  });

  it.each([
    ["nobody knows how large a job may be at most", {}],
    ["the largest job is known", { worst: (stage: number) => given.room[stage]! / OF_LARGEST }],
  ] as const)("never exceed a device, and all end: %s", { tags: ["slow"] }, (_, learned) => {
    const { journal, outcomes } = given.run(learned);
    expect(outcomes.filter(({ endNs }) => endNs === undefined)).toEqual([]);
    const { over, fullest } = watch(given, journal);
    expect(over).toBe(0);
    // What there is was used.
    expect(fullest).toBeGreaterThan(0.95);
    const resources = settingResources({
      setting: given.setting,
      works: given.inOrder.map(({ work }) => work),
      iterationNs: () => 1,
      learned: { ...learned, room: (stage) => given.room[stage]! },
    });
    const replayed = new Scheduler(policyOf("mlora", resources), resources);
    for (const line of journal) expect(replayed.trigger(line.atNs, line.events)).toEqual(line);
  });

  it("exceed devices where nothing is kept beside what is predicted, until who grew is preempted, and only that one", {
    tags: ["slow"],
  }, () => {
    const { journal, outcomes } = given.run({ worst: () => 0, margins: 0 });
    expect(outcomes.filter(({ endNs }) => endNs === undefined)).toEqual([]);
    const { over, preemptedAsLarge } = watch(given, journal);
    expect(over).toBeGreaterThan(0);
    expect(preemptedAsLarge.size).toBeGreaterThan(0);
    const resumed = journal.flatMap(({ decisions }) => decisions.filter(({ kind }) => kind === "resume"));
    for (const number of preemptedAsLarge) expect(resumed.map((decision) => decision.number)).toContain(number);
  });
});
