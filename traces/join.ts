import { InputError } from "../core/index.ts";
import type { ActionKey } from "../plan/index.ts";
import { computeEvents } from "./totals.ts";
import type { Trace, TraceEvent } from "./trace.ts";

/** One action in both traces. */
export interface JoinedAction {
  readonly action: ActionKey;
  readonly device: number;
  readonly simulated: TraceEvent;
  readonly executed: TraceEvent;
}

export interface JoinedTraces {
  readonly planHash: string;
  readonly devices: readonly string[];
  /** Device by device, each in its order. */
  readonly actions: readonly JoinedAction[];
}

/** How many keys an error lists. */
const LISTED = 5;

function listed(keys: readonly string[]): string {
  return keys.slice(0, LISTED).join(", ") + (keys.length > LISTED ? ` and ${keys.length - LISTED} more` : "");
}

function byKey(trace: Trace): Map<ActionKey, TraceEvent> {
  const table = new Map<ActionKey, TraceEvent>();
  const twice: ActionKey[] = [];
  for (const event of computeEvents(trace)) {
    if (table.has(event.action)) twice.push(event.action);
    else table.set(event.action, event);
  }
  if (twice.length > 0)
    throw new InputError({ expected: `each action once in the ${trace.source} trace`, got: listed(twice) });
  return table;
}

function deviceOrders(trace: Trace): readonly (readonly TraceEvent[])[] {
  const orders = trace.devices.map((): TraceEvent[] => []);
  for (const event of computeEvents(trace)) orders[event.device]!.push(event);
  return orders;
}

function checkSameActions(
  first: Trace,
  firstKeys: ReadonlyMap<ActionKey, TraceEvent>,
  second: Trace,
  secondKeys: ReadonlyMap<ActionKey, TraceEvent>,
): void {
  const missing = [...firstKeys.keys()].filter((key) => !secondKeys.has(key));
  const extra = [...secondKeys.keys()].filter((key) => !firstKeys.has(key));
  if (missing.length === 0 && extra.length === 0) return;
  const lines = [
    ...(missing.length === 0
      ? []
      : [`only in the first trace (${first.source}), ${missing.length}: ${listed(missing)}`]),
    ...(extra.length === 0 ? [] : [`only in the second trace (${second.source}), ${extra.length}: ${listed(extra)}`]),
  ];
  throw new InputError({ expected: "the same actions in both traces", detail: lines.join("\n") });
}

/**
 * Joins the compute events of two traces of one plan by action key.
 * @throws InputError for different plans or devices, an action in one trace only, or another order on a device.
 */
export function joinTraces(simulated: Trace, executed: Trace): JoinedTraces {
  if (simulated.planHash !== executed.planHash) {
    throw new InputError({
      expected: `two traces of one plan, ${simulated.planHash}`,
      at: "otherData.planHash",
      got: executed.planHash,
    });
  }
  if (simulated.devices.join("\n") !== executed.devices.join("\n")) {
    throw new InputError({
      expected: `the devices ${simulated.devices.join(", ")} in both traces`,
      got: executed.devices.join(", "),
    });
  }
  const executedKeys = byKey(executed);
  checkSameActions(simulated, byKey(simulated), executed, executedKeys);
  const executedOrders = deviceOrders(executed);
  const actions = deviceOrders(simulated).flatMap((order, device) =>
    order.map((event, position): JoinedAction => {
      const counterpart = executedOrders[device]![position];
      if (counterpart?.action !== event.action) {
        throw new InputError({
          expected: `${event.action} as action ${position + 1} of ${simulated.devices[device]} in both traces`,
          got: counterpart?.action ?? "none",
          hint: "Both must have run the plan's actions in the plan's order.",
        });
      }
      return { action: event.action, device, simulated: event, executed: counterpart };
    }),
  );
  return { planHash: simulated.planHash, devices: simulated.devices, actions };
}
