import { PlanError } from "../../core/index.ts";
import { BACKWARD, EVALUATION, FORWARD, formatAction, PASSES, passCode, UPDATE } from "../actions/action.ts";
import { dependencyTable } from "../actions/dependencies.ts";
import { gridText } from "../actions/grid.ts";
import { peakInFlight } from "../actions/in-flight.ts";
import { miniBatches } from "../actions/mini-batch.ts";
import { actionOf, letterOf, microBatchOf, type Order, parseOrder, type StageOrders } from "../actions/order.ts";
import { type PipelineTable, pipelineGroups, pipelineTable } from "../actions/pipelines.ts";
import { halvesBounds, LEAST_HALVES, numLayersOf } from "../actions/stage-layers.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { PlannedPipeline } from "../documents/setting.ts";
import { checkRunsThrough } from "./validate-buffers.ts";
import { checkMicroBatches } from "./validate-micro-batches.ts";
import { checkAfter, checkGroups } from "./validate-work.ts";

/** The orders of a plan document, with stage numbers that agree with their lists. @throws PlanError */
export function planOrders(plan: Pick<PlanBody, "actions">): StageOrders {
  return plan.actions.map(parseOrder);
}

function fail(orders: StageOrders, stage: number, position: number, expected: string): never {
  const action = orders[stage]![position];
  throw new PlanError({
    expected,
    got: action === undefined ? "the end of the order" : formatAction(actionOf(stage, action)),
    detail: gridText(orders, { stage, position }),
  });
}

/**
 * Every micro-batch of the stage's pipeline forward and backward once, and no other; updates after all backwards of
 * their mini-batch, then its evaluations, once each, and then its successor's first forward.
 */
function checkStage(
  plan: PlanBody,
  orders: StageOrders,
  stage: number,
  table: ReturnType<typeof miniBatches>,
  { ofStage, pipelines }: PipelineTable,
): void {
  const pipeline = pipelines.indexOf(ofStage(stage));
  const groups = pipelineGroups(plan, pipeline);
  const state = new Uint8Array(plan.microBatches.length);
  const backwards = plan.groups.map(() => 0);
  const updated = plan.groups.map(() => 0);
  /** Of the mini-batch that was updated last, evaluations that have not come. */
  const toEvaluate = plan.groups.map(() => 0);
  const keyOf = (action: number): string => formatAction(actionOf(stage, action));
  orders[stage]!.forEach((action, position) => {
    const letter = letterOf(action);
    const index = microBatchOf(action);
    const microBatch = plan.microBatches[index];
    if (microBatch === undefined) fail(orders, stage, position, `a micro-batch below ${plan.microBatches.length}`);
    const { group, step } = microBatch;
    if (plan.groups[group]!.pipeline !== pipeline)
      fail(orders, stage, position, `micro-batches of groups ${groups.join(", ")} on stage ${stage}`);
    const miniBatch = table[group]![step]!;
    if (microBatch.evaluation === true && letter !== EVALUATION)
      fail(orders, stage, position, `an evaluation, and nothing else, of micro-batch ${index}`);
    switch (letter) {
      case FORWARD:
        if (state[index] !== 0) fail(orders, stage, position, `one forward of micro-batch ${index} on stage ${stage}`);
        if (updated[group] !== step)
          fail(orders, stage, position, `the update of step ${step - 1} of group ${group} before ${keyOf(action)}`);
        if (toEvaluate[group]! > 0)
          fail(
            orders,
            stage,
            position,
            `all evaluations of step ${step - 1} of group ${group} before ${keyOf(action)}`,
          );
        state[index] = 1;
        break;
      case BACKWARD:
        if (state[index] !== 1) {
          const forward = formatAction({ stage, letter: "F", microBatch: index });
          fail(orders, stage, position, `${forward} once before ${keyOf(action)} on stage ${stage}`);
        }
        state[index] = 2;
        backwards[group]! += 1;
        break;
      case UPDATE:
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
        toEvaluate[group] = miniBatch.evaluation?.length ?? 0;
        break;
      case EVALUATION:
        if (microBatch.evaluation !== true)
          fail(orders, stage, position, `a micro-batch of held-out rows in ${keyOf(action)}`);
        if (state[index] !== 0)
          fail(orders, stage, position, `one evaluation of micro-batch ${index} on stage ${stage}`);
        if (updated[group] !== step + 1)
          fail(
            orders,
            stage,
            position,
            `the update of step ${step} of group ${group}, and no later one, before ${keyOf(action)}`,
          );
        state[index] = 2;
        toEvaluate[group]! -= 1;
    }
  });
  const unfinished = state.findIndex(
    (value, index) => value !== 2 && plan.groups[plan.microBatches[index]!.group]!.pipeline === pipeline,
  );
  if (unfinished >= 0)
    fail(
      orders,
      stage,
      orders[stage]!.length,
      plan.microBatches[unfinished]!.evaluation === true
        ? `an evaluation of micro-batch ${unfinished} on stage ${stage}`
        : `a forward and a backward of micro-batch ${unfinished} on stage ${stage}`,
    );
  const group = groups.find((index) => updated[index] !== table[index]!.length);
  if (group !== undefined)
    fail(orders, stage, orders[stage]!.length, `an update of every step of group ${group} on stage ${stage}`);
}

function sequence(order: Order, pass: number): Int32Array {
  return order.filter((action) => passCode(letterOf(action)) === pass).map(microBatchOf);
}

/**
 * Channels are first in, first out: neighbours run forwards, evaluations among them, in one order, and backwards in one
 * order.
 */
function checkChannels(orders: StageOrders, { firstStage, endStage }: PlannedPipeline): void {
  for (const pass of [FORWARD, BACKWARD]) {
    const first = sequence(orders[firstStage]!, pass);
    for (let stage = firstStage + 1; stage < endStage; stage += 1) {
      const order = orders[stage]!;
      const own = sequence(order, pass);
      const at = own.findIndex((microBatch, i) => microBatch !== first[i]);
      if (at < 0) continue;
      const position = order.findIndex(
        (action) => passCode(letterOf(action)) === pass && microBatchOf(action) === own[at],
      );
      fail(orders, stage, position, `${PASSES[pass]} of micro-batch ${first[at]} next, as on stage ${firstStage}`);
    }
  }
}

/** Pipelines one behind the other in the list of stages, with room for their work. */
function checkPipelines(plan: PlanBody): void {
  let next = 0;
  plan.pipelines.forEach(({ firstStage, endStage, room }, index) => {
    if (firstStage !== next || endStage <= firstStage || endStage > plan.stages.length)
      throw new PlanError({
        expected: `stages from ${next} on, at most to the plan's last`,
        at: `pipelines[${index}]`,
        got: { firstStage, endStage },
      });
    if (room.maxSequence > room.maxTokens || room.maxJobs > Math.max(room.maxTokens, plan.jobs.length))
      throw new PlanError({
        expected: `a longest row of at most ${room.maxTokens}, the most tokens of a micro-batch, and no more jobs than that, or than there are,`,
        at: `pipelines[${index}].room`,
        got: room,
      });
    next = endStage;
  });
  if (next !== plan.stages.length)
    throw new PlanError({
      expected: `pipelines of ${plan.stages.length} stages in total`,
      at: "pipelines",
      got: next,
    });
}

/** The layers of a pipeline's stages: all of the model's, in order, half by half. */
function checkLayers(plan: PlanBody, { firstStage, endStage }: PlannedPipeline): void {
  let next = 0;
  for (let index = firstStage; index < endStage; index += 1) {
    const stage = plan.stages[index]!;
    const ends = { embedding: index === firstStage, head: index === endStage - 1 };
    const [start, end] = halvesBounds(stage);
    if (
      stage.index !== index ||
      start !== next ||
      end - start < LEAST_HALVES ||
      stage.embedding !== ends.embedding ||
      stage.head !== ends.head
    ) {
      const where = `${next % 2 === 0 ? "" : "the MLP of "}layer ${Math.floor(next / 2)}`;
      throw new PlanError({
        expected: `a stage ${index} that begins at ${where} and has an attention and an MLP, with the embedding on its pipeline's first stage and the head on the last`,
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
    if (stage.recomputedLayers > numLayersOf(stage))
      throw new PlanError({
        expected: `at most ${numLayersOf(stage)} recomputed layers, as many as the stage has`,
        at: `stages[${index}].recomputedLayers`,
        got: stage.recomputedLayers,
      });
    next = end;
  }
  if (next !== 2 * plan.model.architecture.numLayers)
    throw new PlanError({
      expected: `stages of ${plan.model.architecture.numLayers} layers in total`,
      at: "stages",
      got: next / 2,
    });
}

/** A link between neighbours of one pipeline, and none between pipelines. */
function checkLinks(plan: PlanBody, { isLast }: PipelineTable): void {
  plan.links.forEach((link, stage) => {
    if ((link === null) !== isLast(stage))
      throw new PlanError({
        expected: isLast(stage)
          ? `null, since stages ${stage} and ${stage + 1} are of two pipelines,`
          : `the link between stages ${stage} and ${stage + 1}`,
        at: `links[${stage}]`,
        got: link,
      });
  });
}

/** Slots that are placed need the whole order. */
function checkSegments(plan: PlanBody & { readonly segments?: readonly unknown[] }): void {
  if (plan.slots === "placed" && (plan.segments?.length ?? 1) > 1)
    throw new PlanError({ expected: '"first-fit" in a plan of several segments', at: "slots", got: plan.slots });
}

function checkTables(plan: PlanBody, table: PipelineTable, endedBefore: ReadonlySet<string>): void {
  for (const pipeline of plan.pipelines) checkLayers(plan, pipeline);
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
  if (plan.maxInFlight !== null && plan.maxInFlight.length !== plan.stages.length)
    throw new PlanError({
      expected: `${plan.stages.length} entries, or null`,
      at: "maxInFlight",
      got: plan.maxInFlight.length,
    });
  checkLinks(plan, table);
  checkMicroBatches(plan, checkGroups(plan, endedBefore));
}

/**
 * Every invariant of a plan: tables, orders, channels, the in-flight limit, buffers, and that it ends. `endedBefore`:
 * names of jobs that were stopped before their last step, in a plan that grew.
 * @throws PlanError with the schedule grid and the cell that is wrong.
 */
export function validatePlan(plan: PlanBody, endedBefore: ReadonlySet<string> = new Set()): void {
  checkSegments(plan);
  checkPipelines(plan);
  const pipelines = pipelineTable(plan);
  checkTables(plan, pipelines, endedBefore);
  const orders = planOrders(plan);
  const table = miniBatches(plan);
  table.forEach((steps, group) => {
    for (let step = 0; step < steps.length; step += 1) {
      if (steps[step] === undefined)
        throw new PlanError({ expected: `micro-batches of step ${step} of group ${group}`, at: "microBatches" });
    }
  });
  for (let stage = 0; stage < orders.length; stage += 1) checkStage(plan, orders, stage, table, pipelines);
  for (const pipeline of plan.pipelines) checkChannels(orders, pipeline);
  checkAfter(plan, orders);
  checkRunsThrough(orders, dependencyTable(plan), plan);
  orders.map(peakInFlight).forEach((peak, stage) => {
    const limit = plan.maxInFlight?.[stage];
    if (limit !== undefined && limit !== null && peak > limit)
      throw new PlanError({
        expected: `at most ${limit} micro-batches in flight on stage ${stage}`,
        got: peak,
        detail: gridText(orders),
      });
  });
}
