import { mean, sum } from "../../../core/index.ts";
import type { TraceDocument } from "../../../traces/trace-document.ts";
import { DEVICES, eventsOf } from "./small-pass.ts";

type Slice = ReturnType<typeof eventsOf<"X">>[number];

/** A trace's actions, without messages. */
export function actionsOf(trace: TraceDocument): readonly Slice[] {
  return eventsOf(trace, "X").filter(({ cat }) => cat === "compute");
}

/** From the start of the first action to the end of the last. */
export function makespanOf(trace: TraceDocument): number {
  const actions = actionsOf(trace);
  const from = Math.min(...actions.map(({ ts }) => ts));
  return (Math.max(...actions.map(({ ts, dur }) => ts + dur)) - from) / 1e6;
}

export function busyOf(trace: TraceDocument, device: number): number {
  return sum(actionsOf(trace).flatMap(({ pid, dur }) => (pid === device + 1 ? [dur] : []))) / 1e6;
}

/** Idle share from when the first stage begins the first job's middle step until it begins the last one. */
export function steadyBubbleOf(trace: TraceDocument, job: string, steps: number): number {
  const forwards = actionsOf(trace).filter(({ name, args }) => name.startsWith("0F") && args.jobs.includes(job));
  const startOf = (step: number): number =>
    Math.min(...forwards.filter(({ args }) => args.step === step).map(({ ts }) => ts));
  const [from, to] = [startOf(Math.floor(steps / 2)), startOf(steps - 1)];
  const busy = sum(actionsOf(trace).map(({ ts, dur }) => Math.max(0, Math.min(ts + dur, to) - Math.max(ts, from))));
  return 1 - busy / (DEVICES.length * (to - from));
}

/** How far the durations of some actions were off. */
export function errorsOf(simulated: TraceDocument, executed: TraceDocument, letters: string) {
  const known = new Map(actionsOf(executed).map(({ name, dur }) => [name, dur]));
  const pairs = actionsOf(simulated)
    .filter(({ name }) => [...letters].some((letter) => name.includes(letter)))
    .map(({ name, dur }) => ({ was: known.get(name)!, said: dur }));
  const all = sum(pairs.map(({ was }) => was));
  return {
    count: pairs.length,
    meanAbsError: mean(pairs.map(({ was, said }) => Math.abs(said / was - 1))),
    weightedError: sum(pairs.map(({ was, said }) => Math.abs(said - was))) / all,
    bias: sum(pairs.map(({ said }) => said)) / all - 1,
  };
}

/** How fast a device was between actions: the harmonic means of its samples, FLOP/s and bytes/s. */
export function speedOf(trace: TraceDocument, device: number): { readonly product: number; readonly copy: number } {
  const { samples } = trace.otherData.machine!.devices[device]!;
  return {
    product: 1 / mean(samples.map(([, product]) => 1 / product)),
    copy: 1 / mean(samples.map(([, , copy]) => 1 / copy)),
  };
}
