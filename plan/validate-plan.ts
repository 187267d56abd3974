import { PlanError } from "../core/index.ts";
import { type Action, formatAction, type PlannedLetter, parseAction } from "./action.ts";
import { dependencyTable } from "./dependencies.ts";
import type { PlanBody } from "./documents/plan.ts";
import { gridText } from "./grid.ts";
import { peakInFlight } from "./in-flight.ts";
import { miniBatches } from "./mini-batch.ts";
import type { Orders } from "./schedules/schedule-input.ts";
import { timelineOf } from "./timeline.ts";

/** The orders of a plan document, with stage numbers that agree with their lists. @throws PlanError */
export function planOrders(plan: Pick<PlanBody, "actions">): Orders {
  return plan.actions.map((keys, stage) =>
    keys.map((key) => {
      const action = parseAction(key);
      if (action.stage !== stage)
        throw new PlanError({ expected: `actions of stage ${stage}`, at: `actions[${stage}]`, got: key });
      return action;
    }),
  );
}

function fail(orders: Orders, stage: number, position: number, expected: string): never {
  const action = orders[stage]![position];
  throw new PlanError({
    expected,
    got: action === undefined ? "the end of the order" : formatAction(action),
    detail: gridText(orders, { stage, position }),
  });
}

/** Every micro-batch forward and backward once, updates after all backwards of their mini-batch and before its successor's first forward. */
function checkStage(plan: PlanBody, orders: Orders, stage: number, table: ReturnType<typeof miniBatches>): void {
  const state = new Uint8Array(plan.microBatches.length);
  const backwards = plan.groups.map(() => 0);
  const updated = plan.groups.map(() => 0);
  orders[stage]!.forEach((action, position) => {
    const microBatch = plan.microBatches[action.microBatch];
    if (microBatch === undefined) fail(orders, stage, position, `a micro-batch below ${plan.microBatches.length}`);
    const { group, step } = microBatch;
    const miniBatch = table[group]![step]!;
    switch (action.letter) {
      case "F":
        if (state[action.microBatch] !== 0)
          fail(orders, stage, position, `one forward of micro-batch ${action.microBatch} on stage ${stage}`);
        if (updated[group] !== step)
          fail(
            orders,
            stage,
            position,
            `the update of step ${step - 1} of group ${group} before ${formatAction(action)}`,
          );
        state[action.microBatch] = 1;
        break;
      case "B":
        if (state[action.microBatch] !== 1) {
          fail(
            orders,
            stage,
            position,
            `${formatAction({ ...action, letter: "F" })} once before ${formatAction(action)} on stage ${stage}`,
          );
        }
        state[action.microBatch] = 2;
        backwards[group]! += 1;
        break;
      case "U":
        if (backwards[group] !== miniBatch.microBatches.length || updated[group] !== step) {
          fail(
            orders,
            stage,
            position,
            `all ${miniBatch.microBatches.length} backwards of step ${step} of group ${group} before its update`,
          );
        }
        backwards[group] = 0;
        updated[group]! += 1;
    }
  });
  const unfinished = state.findIndex((value) => value !== 2);
  if (unfinished >= 0)
    fail(
      orders,
      stage,
      orders[stage]!.length,
      `a forward and a backward of micro-batch ${unfinished} on stage ${stage}`,
    );
  const group = updated.findIndex((steps, index) => steps !== table[index]!.length);
  if (group >= 0)
    fail(orders, stage, orders[stage]!.length, `an update of every step of group ${group} on stage ${stage}`);
}

function sequence(order: readonly Action[], letter: PlannedLetter): readonly number[] {
  return order.filter((action) => action.letter === letter).map((action) => action.microBatch);
}

/** Channels are first in, first out: neighbours run forwards in one order, and backwards in one order. */
function checkChannels(orders: Orders): void {
  for (const letter of ["F", "B"] as const) {
    const first = sequence(orders[0]!, letter);
    orders.forEach((order, stage) => {
      const own = sequence(order, letter);
      const at = own.findIndex((microBatch, i) => microBatch !== first[i]);
      if (at < 0) return;
      const position = order.findIndex((action) => action.letter === letter && action.microBatch === own[at]);
      fail(orders, stage, position, `${letter} of micro-batch ${first[at]} next, as on stage 0`);
    });
  }
}

function checkTables(plan: PlanBody): void {
  let next = 0;
  plan.stages.forEach((stage, index) => {
    const ends = { embedding: index === 0, head: index === plan.stages.length - 1 };
    if (
      stage.index !== index ||
      stage.firstLayer !== next ||
      stage.endLayer <= stage.firstLayer ||
      stage.embedding !== ends.embedding ||
      stage.head !== ends.head
    ) {
      throw new PlanError({
        expected: `a stage ${index} that begins at layer ${next}, with the embedding on the first stage and the head on the last`,
        at: `stages[${index}]`,
        got: stage,
      });
    }
    if (plan.devices[stage.device] === undefined)
      throw new PlanError({
        expected: `a device below ${plan.devices.length}`,
        at: `stages[${index}].device`,
        got: stage.device,
      });
    next = stage.endLayer;
  });
  if (next !== plan.model.architecture.numLayers)
    throw new PlanError({
      expected: `stages of ${plan.model.architecture.numLayers} layers in total`,
      at: "stages",
      got: next,
    });
  if (new Set(plan.stages.map((stage) => stage.device)).size !== plan.stages.length)
    throw new PlanError({ expected: "one stage a device", at: "stages" });
  for (const [key, length] of [
    ["actions", plan.stages.length],
    ["buffers", plan.stages.length],
    ["memory", plan.stages.length],
    ["links", plan.stages.length - 1],
  ] as const) {
    if (plan[key].length !== length)
      throw new PlanError({ expected: `${length} entries`, at: key, got: plan[key].length });
  }
  const grouped = plan.groups.flat().sort((a, b) => a - b);
  if (grouped.length !== plan.jobs.length || grouped.some((job, i) => job !== i))
    throw new PlanError({ expected: "each job in one group", at: "groups", got: plan.groups });
  checkMicroBatches(plan);
}

/** Rows: every job's batchSize rows in every one of its steps, inside its own group. */
function checkMicroBatches(plan: PlanBody): void {
  const groupOf = new Map(plan.groups.flatMap((members, group) => members.map((job) => [job, group] as const)));
  const rows = plan.jobs.map((job) => new Uint32Array(job.steps));
  plan.microBatches.forEach((microBatch, index) => {
    if (microBatch.index !== index || plan.groups[microBatch.group] === undefined)
      throw new PlanError({
        expected: `micro-batch ${index} of a known group`,
        at: `microBatches[${index}]`,
        got: microBatch.index,
      });
    for (const [job, , tokens, scored] of microBatch.rows) {
      const spec = plan.jobs[job];
      if (
        spec === undefined ||
        groupOf.get(job) !== microBatch.group ||
        microBatch.step >= spec.steps ||
        scored >= tokens ||
        tokens > spec.cutoffLength
      ) {
        throw new PlanError({
          expected: "rows of the group's jobs, within their steps and cutoff lengths",
          at: `microBatches[${index}].rows`,
          got: [job, tokens, scored],
        });
      }
      rows[job]![microBatch.step]! += 1;
    }
  });
  plan.jobs.forEach((job, index) => {
    const step = rows[index]!.findIndex((count) => count !== job.batchSize);
    if (step >= 0)
      throw new PlanError({
        expected: `${job.batchSize} rows of job ${job.name} in step ${step}`,
        at: "microBatches",
        got: rows[index]![step],
      });
  });
}

/**
 * Every invariant of a plan: tables, orders, channels, the in-flight limit, buffers, and that it ends.
 * @throws PlanError with the schedule grid and the cell that is wrong.
 */
export function validatePlan(plan: PlanBody): void {
  checkTables(plan);
  const orders = planOrders(plan);
  const table = miniBatches(plan);
  table.forEach((steps, group) => {
    for (let step = 0; step < steps.length; step += 1) {
      if (steps[step] === undefined)
        throw new PlanError({ expected: `micro-batches of step ${step} of group ${group}`, at: "microBatches" });
    }
  });
  for (let stage = 0; stage < orders.length; stage += 1) checkStage(plan, orders, stage, table);
  checkChannels(orders);
  timelineOf(orders, dependencyTable(plan), { durationNs: () => 1, transferNs: () => 0 });
  orders.map(peakInFlight).forEach((peak, stage) => {
    const limit = plan.maxInFlight?.[stage];
    if (limit !== undefined && peak > limit)
      throw new PlanError({
        expected: `at most ${limit} micro-batches in flight on stage ${stage}`,
        got: peak,
        detail: gridText(orders),
      });
  });
}
