import { contentHash, InputError, type Nanos } from "../core/index.ts";
import {
  type Action,
  type ActionDurations,
  type CostModel,
  dependencyTable,
  formatAction,
  PASSES,
  PLANNED_LETTERS,
  type PlanBody,
  parseAction,
} from "../plan/index.ts";
import { heldTrace, type Stream, type Trace } from "../traces/index.ts";
import { runWithTimes } from "./run/run-plan.ts";
import { actionIndex } from "./run/stage-orders.ts";
import { runStream } from "./simulate.ts";

/** Times of single actions, or of the messages that they send. */
interface MeasuredTimes {
  readonly durationNs: ActionDurations;
  /** By `actionIndex`; NaN where there is none. */
  readonly table: Float64Array;
}

/**
 * The durations of one stream's events, each action once. @throws InputError for one that is missing, twice there, or
 * not wanted.
 */
function measuredTimes(plan: PlanBody, trace: Trace, stream: Stream, wanted: readonly Action[]): MeasuredTimes {
  const { microBatches, stages } = plan;
  const indexOf = ({ stage, letter, microBatch }: Action): number =>
    actionIndex(stage, PLANNED_LETTERS.indexOf(letter), microBatch, microBatches.length);
  const what = stream === "compute" ? "action" : "message";
  const table = new Float64Array(stages.length * PASSES.length * microBatches.length).fill(Number.NaN);
  let found = 0;
  for (const event of trace.events) {
    if (event.stream !== stream) continue;
    const action = parseAction(event.action);
    const { stage, microBatch } = action;
    const index = indexOf(action);
    const isInPlan = stage < stages.length && microBatch < microBatches.length;
    if (!isInPlan || !Number.isNaN(table[index]))
      throw new InputError({ expected: `each ${what} of the plan once in the trace to replay`, got: event.action });
    table[index] = event.durationNs;
    found += 1;
  }
  for (const action of wanted) {
    if (Number.isNaN(table[indexOf(action)]))
      throw new InputError({
        expected: `the ${what} ${stream === "compute" ? "" : "of "}${formatAction(action)} in the trace to replay`,
        hint: "The trace is not of a whole run of this plan.",
      });
  }
  if (found > wanted.length)
    throw new InputError({
      expected: `${wanted.length} ${what}s, those of the plan, in the trace to replay`,
      got: found,
    });
  return {
    table,
    durationNs: (stage, letter, microBatch) =>
      table[actionIndex(stage, letter, microBatch, microBatches.length)]! as Nanos,
  };
}

export interface ReplayOptions {
  readonly plan: PlanBody;
  readonly planHash: string;
  /** A run of that plan. */
  readonly executed: Trace;
  readonly versions?: Readonly<Record<string, string>>;
  /** What messages cost in place of the time that they took: then the network is the simulator's own doing too. */
  readonly links?: Pick<CostModel, "linkCost">;
}

/**
 * Runs a plan in virtual time with the time that each action and each message really took. What differs from the
 * executed trace is then the simulator's own doing: when things start, not how long they take. The trace's calibration
 * hash is that of the measured times.
 * @throws InputError for a trace of another plan, or one without the time of some action or message.
 */
export function replay({ plan, planHash, executed, versions = {}, links }: ReplayOptions): Trace {
  if (executed.planHash !== planHash)
    throw new InputError({ expected: `a trace of plan ${planHash}`, at: "otherData.planHash", got: executed.planHash });
  const actions = plan.actions.flatMap((keys) => keys.map(parseAction));
  const { receiverOf } = dependencyTable(plan);
  const senders = actions.filter(({ letter, stage }) => receiverOf(stage, letter) >= 0);
  const compute = measuredTimes(plan, executed, "compute", actions);
  const messages = measuredTimes(plan, executed, "send", senders);
  const run = runWithTimes(plan, {
    links: links ?? { linkCost: () => ({ latencySeconds: 0, bytesPerSecond: null }) },
    action: compute.durationNs,
    ...(links === undefined ? { message: messages.durationNs } : {}),
    gapNs: 0,
  });
  const measured = (table: Float64Array) => Array.from(table, (time) => (Number.isNaN(time) ? null : time));
  const calibrationHash = contentHash([measured(compute.table), measured(messages.table)]);
  return heldTrace(runStream(plan, run, { planHash, calibrationHash, versions }));
}
