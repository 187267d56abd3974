import { microBatchTokens, passOf } from "../plan/index.ts";
import type { LoweredAction } from "./lowering.ts";
import type { StageMessage } from "./stage-host.ts";
import type { StageRunner } from "./stage-runner.ts";

/** What an action sends to the stage that goes on with it. `runners`: by stage. */
export function messageOf(
  { arena, messageBytesPerToken }: StageRunner,
  runners: readonly StageRunner[],
  { id, send, action, microBatch, outBuffer }: LoweredAction,
): StageMessage {
  const pass = passOf(action.letter);
  const up = pass === "F";
  const { toStage, toBuffer, waits, receiveWaits, isHeld, event } = send!;
  const target = runners[toStage]!;
  return {
    id,
    source: arena.buffer(up ? "activationOut" : "gradientOut", outBuffer!),
    bytes: microBatchTokens(microBatch) * messageBytesPerToken[pass],
    destination: target.device,
    destinationOffset: target.arena.buffer(up ? "activationIn" : "gradientIn", toBuffer),
    waits,
    receiveWaits,
    isHeld,
    signal: event,
  };
}
