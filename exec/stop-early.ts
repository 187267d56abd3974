import type { MiniBatch } from "../plan/index.ts";
import type { LoweredAction } from "./lowering.ts";

/** What is left of a plan once it is to end: mini-batches that have begun are finished, the others are never begun. */
export interface EarlyEnd {
  /** Whether an action is left out. */
  skips(action: LoweredAction): boolean;
  /** The action as it waits then: for what an action that is left out would have waited for, in its place. */
  without(action: LoweredAction): LoweredAction;
  /** Actions that the devices are yet to get. */
  readonly numActions: number;
}

interface TaskWaits {
  readonly stage: number;
  readonly waits: readonly number[];
}

/** An action or message that is left out; `receive`: its other side, where that is on another rank. */
interface LeftOutTask extends TaskWaits {
  readonly receive?: TaskWaits | undefined;
}

/** `coming`: by stage, the actions that the devices do not have. */
export function endEarly(
  coming: readonly Iterable<LoweredAction>[],
  hasBegun: (miniBatch: MiniBatch) => boolean,
): EarlyEnd {
  const left = new Map<number, LeftOutTask>();
  const skips = ({ miniBatch }: LoweredAction): boolean => !hasBegun(miniBatch);
  let numActions = 0;
  for (const order of coming) {
    for (const lowered of order) {
      if (!skips(lowered)) {
        numActions += 1;
        continue;
      }
      const { event, waits, send, action } = lowered;
      left.set(event, { stage: action.stage, waits });
      if (send === undefined) continue;
      const { receiveWaits, toStage } = send;
      const receive = receiveWaits === undefined ? undefined : { stage: toStage, waits: receiveWaits };
      left.set(send.event, { stage: action.stage, waits: send.waits, receive });
    }
  }
  const known = new Map<TaskWaits, readonly number[]>();
  /** The events that are there in place of one, for a task of the stage. Orders are acyclic, so this ends. */
  const inPlaceOf = (event: number, stage: number): readonly number[] => {
    const task = left.get(event);
    if (task === undefined) return [event];
    const own: TaskWaits = task.receive?.stage === stage ? task.receive : task;
    const found = known.get(own) ?? waitsOf(own.waits, own.stage);
    known.set(own, found);
    return found;
  };
  const waitsOf = (events: readonly number[], stage: number): readonly number[] => [
    ...new Set(events.flatMap((event) => inPlaceOf(event, stage))),
  ];
  return {
    skips,
    numActions,
    without(lowered) {
      const { action, waits, send } = lowered;
      const { stage } = action;
      if (send === undefined) return { ...lowered, waits: waitsOf(waits, stage) };
      const { receiveWaits, toStage } = send;
      return {
        ...lowered,
        waits: waitsOf(waits, stage),
        send: {
          ...send,
          waits: waitsOf(send.waits, stage),
          receiveWaits: receiveWaits && waitsOf(receiveWaits, toStage),
        },
      };
    },
  };
}
