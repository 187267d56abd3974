import { describe, expect, it } from "vitest";
import { type AdapterPair, executePlan, FleetExecution } from "../../exec/index.ts";
import {
  createCostModel,
  FleetPlan,
  fleetSetting,
  type JournalLine,
  type Plan,
  type PolicyName,
  policyOf,
  Scheduler,
  type Segment,
  settingResources,
  validatePlan,
} from "../../plan/index.ts";
import { worksOfPlan } from "../../sim/index.ts";
import { grownPlan } from "../plan/grow.ts";
import { adapterBytes, planSmall, type SmallCase, smallCase } from "./small-run.ts";

const NAMES = ["first", "second", "urgent", "late"] as const;

function fleetCase(steps = 12): SmallCase {
  return smallCase([
    { rank: 4, dropout: 0.1, steps, optimizer: { maxGradNorm: 0.5 } },
    { rank: 9, targets: ["q_proj", "v_proj", "down_proj"], steps },
    { rank: 2, steps: 5 },
    { rank: 3, steps: 7, batchSize: 2 },
  ]);
}

/** Each job by itself, from the start to the end. */
async function alone(given: SmallCase, only: number): Promise<string> {
  const pick = <T>(list: readonly T[]): readonly T[] => [list[only]!];
  const plan = planSmall(given, { devices: "cpu:0", only });
  const { model } = given;
  const result = await executePlan({ plan, model, rows: pick(given.data), start: pick(given.start), versions: {} });
  return adapterBytes(result.adapters[0]!);
}

interface Script {
  readonly devices: string;
  readonly pipelines?: number;
  readonly policy: PolicyName;
  readonly most: number;
  /** Jobs that are there from the start. */
  readonly first: readonly number[];
  /** Called whenever so many steps have been trained. */
  readonly at: Readonly<Record<number, (fleet: Fleet) => void>>;
}

interface Fleet {
  submit(index: number, priority?: number): void;
  readonly execution: FleetExecution;
}

async function runFleet(given: SmallCase, { devices, pipelines = 1, policy, most, first, at }: Script) {
  const plan: Plan = planSmall(given, { devices, pipelines, groups: "unfused" });
  const setting = fleetSetting(plan, { jobsAtOnce: most });
  const known = worksOfPlan(plan);
  // By the fleet's numbers.
  const works: (typeof known)[number][] = [];
  const indices: number[] = [];
  const resources = settingResources({ setting, works, most, iterationNs: () => 1e9 });
  const replay = new Scheduler(policyOf(policy, resources), resources);
  const lines: JournalLine[] = [];
  const segments: Segment[] = [];
  const ended = new Map<number, readonly AdapterPair[]>();
  const stopped: number[] = [];
  let taken = 0;
  let steps = 0;
  const actions = new Map(Object.entries(at).map(([step, action]) => [Number(step), action]));
  using execution = await FleetExecution.open({
    setting,
    model: given.model,
    plan: new FleetPlan({
      setting,
      costs: createCostModel(plan.calibration, "float32"),
      scheduler: new Scheduler(policyOf(policy, resources), resources),
    }),
    onStep() {
      steps += 1;
      actions.get(steps)?.(fleet);
    },
    onLine: (line) => void lines.push(line),
    onSegment: (segment) => void segments.push(segment),
    onJobEnd: (number, adapter) => void ended.set(indices[number]!, adapter),
    onTaken(number, { isOver, state }) {
      taken += 1;
      expect(state.secondMoment!.some(({ b }) => b.some((value) => value > 0))).toBe(true);
      if (isOver) stopped.push(indices[number]!);
    },
  });
  const fleet: Fleet = {
    execution,
    submit(index, priority = 0) {
      const work = known[index]!;
      works.push(work);
      indices.push(index);
      const request = {
        name: NAMES[index]!,
        user: "",
        priority,
        arrivalNs: 0,
        deadlineNs: null,
        iterations: work.job.steps,
        tokens: 1,
      };
      execution.submit(work, request, { rows: given.data[index]!, start: { parameters: given.start[index]! } });
    },
  };
  for (const index of first) fleet.submit(index);
  const last = Math.max(0, ...actions.keys());
  actions.set(
    last,
    ((before) => (own: Fleet) => {
      before?.(own);
      execution.close();
    })(actions.get(last)),
  );
  if (last === 0) execution.close();
  await execution.run();
  if (stopped.length === 0) validatePlan(grownPlan(setting, segments));
  for (const line of lines) expect(replay.trigger(line.atNs, line.events)).toEqual(line);
  const decisions = lines.flatMap((line) => line.decisions.map(({ kind, name }) => `${kind} ${name}`));
  return { ended, decisions, taken, stopped };
}

describe.each([
  { devices: "cpu:0", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 2 },
])("jobs over time on $pipelines pipelines of $devices", ({ devices, pipelines }) => {
  it("are preempted, moved, resumed, and train the bytes that each trains alone", async () => {
    const given = fleetCase();
    const { ended, decisions, taken } = await runFleet(given, {
      ...{ devices, pipelines, policy: "mlora", most: 1, first: [0, 1] },
      at: {
        3: ({ submit }) => submit(2, 5),
        6: ({ submit }) => submit(3, 9),
      },
    });
    expect(decisions.slice(0, 1)).toEqual(["start first"]);
    expect(decisions.filter((each) => each.startsWith("preempt")).length).toBe(taken);
    expect(taken).toBeGreaterThan(0);
    expect(decisions.some((each) => each.startsWith("resume"))).toBe(true);
    for (const index of [0, 1, 2, 3]) expect(adapterBytes(ended.get(index)!)).toBe(await alone(given, index));
  });

  it("are paused, stopped and given another priority, while others train on", async () => {
    const given = fleetCase();
    const { ended, decisions, stopped } = await runFleet(given, {
      ...{ devices, pipelines, policy: "priority", most: 1, first: [0, 1, 3] },
      at: {
        2: ({ execution }) => expect(execution.ask({ kind: "pause", number: 0 })).toBe(true),
        5: ({ execution }) => execution.ask({ kind: "priority", number: 2, priority: 4 }),
        8: ({ execution }) => execution.ask({ kind: "stop", number: 1, by: "user", why: "cancelled" }),
        9: ({ execution }) => execution.ask({ kind: "unpause", number: 0 }),
      },
    });
    expect(decisions).toContain("preempt first");
    expect(decisions).toContain("stop second");
    expect(stopped).toEqual([1]);
    expect([...ended.keys()].sort()).toEqual([0, 3]);
    for (const index of [0, 3]) expect(adapterBytes(ended.get(index)!)).toBe(await alone(given, index));
  });
});
