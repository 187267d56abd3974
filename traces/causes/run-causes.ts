import { isSample, type PlanBody, pipelineTable } from "../../plan/index.ts";
import type { TraceEvent, TraceStream } from "../trace.ts";
import { CauseSums, type CauseTime, productsOf, type RunCauses } from "./cause-sums.ts";
import { recomputedShares } from "./recomputed-share.ts";
import { eventEnd, WaitingRun } from "./waiting-run.ts";

/** What an action does, and for how long, all of its time. */
export function workOf(plan: PlanBody): (event: TraceEvent, ns: number) => readonly CauseTime[] {
  const recomputed = recomputedShares(plan);
  return ({ letter, stage, microBatch, tokens }, ns) => {
    switch (letter) {
      case "U":
        return [{ cause: "update", ns }];
      case "E":
        return [{ cause: isSample(plan.microBatches[microBatch]!) ? "samples" : "evaluation", ns }];
      default: {
        const again = letter === "B" ? Math.round(ns * recomputed(stage, microBatch)) : 0;
        return [
          productsOf(tokens, ns - again),
          ...(again === 0 ? [] : [{ cause: "recomputation", ns: again } as const]),
        ];
      }
    }
  };
}

/** When the last action of each device's pipeline ends; the run's start for a device without any. */
function pipelineEnds(plan: PlanBody, { actions, startNs }: WaitingRun): readonly number[] {
  const { ofStage } = pipelineTable(plan);
  const ends = new Map<number, number>();
  const endsOf = actions.map((own) => own.at(-1));
  for (const last of endsOf) {
    if (last === undefined) continue;
    const { firstStage } = ofStage(last.stage);
    ends.set(firstStage, Math.max(eventEnd(last), ends.get(firstStage) ?? 0));
  }
  return endsOf.map((last) => (last === undefined ? startNs : ends.get(ofStage(last.stage).firstStage)!));
}

/**
 * What the time of a plan's run goes to. The time of each device, from the run's start to its end, is what it computes
 * and what it waits for; the run's is the mean over devices.
 */
export function runCauses(plan: PlanBody, trace: TraceStream, run = new WaitingRun(plan, trace)): RunCauses {
  const { startNs, endNs } = run;
  const work = workOf(plan);
  const sums = new CauseSums();
  const ends = pipelineEnds(plan, run);
  run.actions.forEach((own, device) => {
    let atNs = startNs;
    for (const event of own) {
      if (run.before(event) === undefined) sums.add({ cause: "fill", ns: event.startNs - startNs });
      else for (const part of run.waitsOf(event)) sums.add(part);
      const busyFromNs = Math.max(atNs, event.startNs);
      atNs = Math.max(atNs, eventEnd(event));
      for (const part of work(event, atNs - busyFromNs)) sums.add(part);
    }
    sums.add({ cause: "drain", ns: ends[device]! - atNs });
    sums.add({ cause: "other pipelines", ns: endNs - ends[device]! });
  });
  const numDevices = Math.max(1, run.actions.length);
  return { makespanNs: endNs - startNs, causes: sums.means(numDevices) };
}
