import type { PlanBody } from "../plan/index.ts";
import { heldTrace, type Trace, type TraceStream } from "../traces/index.ts";
import { memoryChanges, memorySamples } from "./run/memory-samples.ts";
import type { Run } from "./run/run.ts";
import { runFigures } from "./run/run-figures.ts";
import { runPlan } from "./run/run-plan.ts";
import { actionEvents, traceEvents } from "./run/trace-events.ts";
import { blockingRun } from "./simulate-blocking.ts";
import type { SimulatedRun, SimulateOptions } from "./simulate-options.ts";
import { hasBlockingLinks } from "./tasks/blocking-tasks.ts";

/**
 * Runs a plan in virtual time. Durations come from the cost model alone, rounded once.
 * @throws PlanError when no action can go on and some are left.
 */
export function simulatedRun(options: SimulateOptions): SimulatedRun {
  const { plan, planHash, costModel, calibrationHash = plan.calibrationHash, versions = {} } = options;
  if (hasBlockingLinks(plan)) return blockingRun(options, "marked");
  const run = runPlan(plan, costModel);
  return { trace: runStream(plan, run, { planHash, calibrationHash, versions }), figures: runFigures(plan, run) };
}

/**
 * The trace of `simulatedRun`, held as columns of times: each reading of the events makes them anew, one at a time.
 * @throws PlanError as it does.
 */
export function simulateStream(options: SimulateOptions): TraceStream {
  return simulatedRun(options).trace;
}

/** A finished run as a trace. */
export function runStream(
  plan: PlanBody,
  run: Run,
  facts: Pick<TraceStream, "planHash" | "calibrationHash" | "versions">,
): TraceStream {
  return {
    source: "simulated",
    ...facts,
    devices: plan.devices.map((device) => device.name),
    events: { [Symbol.iterator]: () => traceEvents(plan, run) },
    actions: { [Symbol.iterator]: () => actionEvents(plan, run) },
    counters: {
      *[Symbol.iterator]() {
        for (const device of run.devices) yield* memorySamples(plan, device.stage, memoryChanges(device));
      },
    },
  };
}

/** `simulateStream` with all events made, for runs that are not too long to hold. @throws PlanError as it does. */
export function simulate(options: SimulateOptions): Trace {
  return heldTrace(simulateStream(options));
}
