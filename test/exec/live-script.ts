import { expect } from "vitest";
import {
  type AdapterPair,
  type BestEvaluation,
  type EvaluationMetrics,
  type ExecuteResult,
  executePlan,
  FleetExecution,
  listener,
} from "../../exec/index.ts";
import {
  createCostModel,
  FleetPlan,
  fleetSetting,
  type JournalLine,
  type LearnedSizes,
  measurementOf,
  type Plan,
  type PolicyName,
  packGreedily,
  policyOf,
  Scheduler,
  type Segment,
  type Setting,
  settingResources,
  validatePlan,
  withRoomForMargins,
} from "../../plan/index.ts";
import { CohortTimes } from "../../sim/fleet/cohort-times.ts";
import { worksOfPlan } from "../../sim/index.ts";
import { grownPlan } from "../plan/grow.ts";
import { adapterBytes, planSmall, type SmallCase } from "./small-run.ts";

const NAMES = ["first", "second", "urgent", "late"] as const;

/** What is left of a job: its adapter, and what its evaluations said. */
export interface Left {
  readonly adapter: string;
  readonly evaluations: readonly EvaluationMetrics[];
  readonly best: BestText | undefined;
}

interface BestText extends Omit<BestEvaluation, "adapter"> {
  readonly adapter: string | undefined;
}

function bestText(best: BestEvaluation | undefined): BestText | undefined {
  return best && { ...best, adapter: best.adapter && adapterBytes(best.adapter) };
}

/** Each job by itself, from the start to the end. */
async function runAlone(given: SmallCase, only: number): Promise<ExecuteResult> {
  const pick = <T>(list: readonly T[]): readonly T[] => [list[only]!];
  const plan = planSmall(given, { devices: "cpu:0", only });
  const { model } = given;
  return await executePlan({ plan, model, rows: pick(given.data), start: pick(given.start), versions: {} });
}

/** What is left of each job by itself. */
export async function aloneRun(given: SmallCase, only: number): Promise<Left> {
  const { adapters, evaluations, best } = await runAlone(given, only);
  return { adapter: adapterBytes(adapters[0]!), evaluations, best: bestText(best[0]) };
}

/** The adapter of a job by itself, as numbers. */
export async function aloneAdapter(given: SmallCase, only: number): Promise<readonly AdapterPair[]> {
  return (await runAlone(given, only)).adapters[0]!;
}

/** The adapter of a job by itself. */
export async function alone(given: SmallCase, only: number): Promise<string> {
  return (await aloneRun(given, only)).adapter;
}

export interface Script {
  readonly devices: string;
  readonly pipelines?: number;
  readonly policy: PolicyName;
  readonly most: number;
  /** Sizes are learned; they are what is planned when absent. */
  readonly learned?: (setting: Setting) => LearnedSizes;
  /** Jobs that are there from the start. */
  readonly first: readonly number[];
  /** Called whenever so many steps have been trained. */
  readonly at: Readonly<Record<number, (fleet: Fleet) => void>>;
}

export interface Fleet {
  submit(index: number, priority?: number): void;
  readonly execution: FleetExecution;
}

export async function runFleet(given: SmallCase, { devices, pipelines = 1, policy, most, learned, first, at }: Script) {
  const plan: Plan = planSmall(given, { devices, pipelines, groups: "unfused" });
  const bare = fleetSetting(plan, { jobsAtOnce: most });
  const setting = learned === undefined ? bare : withRoomForMargins(bare);
  const known = worksOfPlan(plan);
  // By the fleet's numbers.
  const works: (typeof known)[number][] = [];
  const indices: number[] = [];
  const costs = createCostModel(plan.calibration, "float32");
  const limits = { most, ...(learned === undefined ? {} : { learned: learned(setting) }) };
  const resources = settingResources({ setting, works, ...limits, iterationNs: () => 1e9 });
  const scheduler = new Scheduler(policyOf(policy, resources), resources);
  const { sharesMicroBatches } = policyOf(policy, resources);
  const times = new CohortTimes(setting, costs, works, sharesMicroBatches === true ? { pack: packGreedily } : {});
  const replay = new Scheduler(policyOf(policy, resources), resources);
  const lines: JournalLine[] = [];
  const segments: Segment[] = [];
  const ended = new Map<number, readonly AdapterPair[]>();
  const evaluations: EvaluationMetrics[] = [];
  const best = new Map<number, BestText | undefined>();
  const stopped: number[] = [];
  let taken = 0;
  let steps = 0;
  const actions = new Map(Object.entries(at).map(([step, action]) => [Number(step), action]));
  using execution: FleetExecution = await FleetExecution.open({
    setting,
    model: given.model,
    plan: new FleetPlan({
      ...{ setting, costs, sharing: times.sharing, scheduler },
      follow: (number) => measurementOf(scheduler, number, (pipeline) => execution.takenBy(number, pipeline)),
    }),
    onEvent: listener({
      stepped() {
        steps += 1;
        actions.get(steps)?.(fleet);
      },
      evaluated: ({ metrics }) => void evaluations.push(metrics),
      decided: ({ line }) => void lines.push(line),
      planned: ({ segment }) => void segments.push(segment),
      ended({ job, adapter, best: kept }) {
        ended.set(indices[job]!, adapter);
        best.set(indices[job]!, bestText(kept));
      },
      taken({ job, isOver, state, best: kept }) {
        taken += 1;
        if (isOver) best.set(indices[job]!, bestText(kept));
        expect(state.secondMoment!.some(({ b }) => b.some((value) => value > 0))).toBe(true);
        if (isOver) stopped.push(indices[job]!);
      },
    }),
  });
  const fleet: Fleet = {
    execution,
    submit(index, priority = 0) {
      const work = known[index]!;
      works.push(work);
      indices.push(index);
      const request = {
        name: NAMES[index] ?? `job${index}`,
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
  return { setting, works, ended, decisions, taken, stopped, evaluations, best, segments, lines };
}
