import { PlanError, textTable } from "../../core/index.ts";
import { PLANNED_LETTERS, parseAction, type Setting } from "../../plan/index.ts";
import {
  type Channel,
  hasArrived,
  hasFreeInBuffer,
  hasFreeOutBuffer,
  messageKey,
  messageMicroBatch,
} from "./channel.ts";
import { type DeviceState, inputOf, outputOf } from "./device.ts";

const MESSAGES = { activation: "activations", gradient: "gradients" } as const;

function messageReason(channel: Channel, wanted: string, microBatch: number): string {
  const what = `the ${MESSAGES[channel.kind]} of ${wanted}`;
  let number = channel.consumed;
  while (number < channel.produced && messageMicroBatch(channel, number) !== microBatch) number += 1;
  if (number === channel.produced) return `${what}, which has not run`;
  if (number > channel.consumed) return `${what}, which come after those of ${messageKey(channel, channel.consumed)}`;
  return hasFreeInBuffer(channel)
    ? what
    : `${what}, which wait for a free ${channel.kind}In buffer (${channel.inBuffers} planned)`;
}

function blockedBy(device: DeviceState, pendingSignal: string | undefined): string {
  const { stage, order, position } = device;
  const letter = order.letters[position]!;
  const microBatch = order.microBatches[position]!;
  const reasons = pendingSignal === undefined ? [] : [`the end of ${pendingSignal}`];
  const input = inputOf(device, letter);
  if (input !== null && !hasArrived(input, microBatch))
    reasons.push(messageReason(input, `${input.from}${PLANNED_LETTERS[letter]}${microBatch}`, microBatch));
  const output = outputOf(device, letter);
  if (output !== null && !hasFreeOutBuffer(output)) {
    const holders = Array.from({ length: output.produced - output.arrived }, (_, i) =>
      messageKey(output, output.arrived + i),
    ).join(", ");
    reasons.push(
      `a free ${output.kind}Out buffer (${output.outBuffers} planned${holders === "" ? "" : `, held for stage ${output.to} by ${holders}`})`,
    );
  }
  return reasons.length > 0 ? reasons.join("; ") : `nothing known on stage ${stage}`;
}

/** The error for a run that stopped with actions left: a row for each device with the action it is stuck at and why. */
export function blockedError(
  plan: Pick<Setting, "stages" | "devices">,
  devices: readonly DeviceState[],
  pendingSignal: (device: DeviceState) => string | undefined,
): PlanError {
  const rows = devices.map((device) => {
    const { order, orders, position, passed } = device;
    const { keys } = order;
    const isDone = position >= keys.length;
    const all = orders.reduce((sum, piece) => sum + piece.keys.length, passed + keys.length);
    return [
      plan.devices[plan.stages[device.stage]!.device]!.name,
      `${passed + position}/${all}`,
      isDone ? "." : keys[position]!,
      isDone ? "." : blockedBy(device, pendingSignal(device)),
    ];
  });
  const table = [["device", "ran", "blocked", "waits for"], ...rows];
  const lines = textTable(table, () => "left");
  const first = devices.find((device) => device.position < device.order.keys.length)!;
  const key = first.order.keys[first.position]!;
  return new PlanError({
    expected: "an order of actions that can all run",
    at: `actions[${parseAction(key).stage}][${first.position}]`,
    got: key,
    detail: lines.join("\n"),
    hint: "Each device waits for another one: the orders of neighbouring stages disagree, or a stage has too few buffers.",
  });
}
