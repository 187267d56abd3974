import { sum } from "../core/index.ts";
import type { Completion, SpeedSample } from "../native/index.ts";
import type { Plan } from "../plan/index.ts";
import type { Trace } from "../traces/index.ts";

interface InterruptionsInput {
  readonly plan: Plan;
  readonly completions: readonly { readonly stage: number; readonly done: Completion }[];
  /** By stage. */
  readonly samples: readonly (readonly SpeedSample[])[];
  /** When the trace begins, on the clock of the completions. */
  readonly originNs: number;
}

/**
 * What the system took from each device while it computed, and its speed between actions; nothing where nobody counted.
 */
export function interruptions({ plan, completions, samples, originNs }: InterruptionsInput): Pick<Trace, "machine"> {
  const devices = plan.stages.flatMap(({ device }, stage) => {
    const own = completions.filter(
      (seen) => seen.stage === stage && seen.done.stream === "compute" && seen.done.interruptedNs !== undefined,
    );
    if (own.length === 0) return [];
    const computedNs = sum(own.map(({ done }) => done.endNs - done.startNs));
    return [
      {
        name: plan.devices[device]!.name,
        interrupted: sum(own.map(({ done }) => done.interruptedNs!)) / Math.max(1, computedNs),
        switches: sum(own.map(({ done }) => done.switches ?? 0)),
        samples: samples[stage]!.map(({ atNs, product, copy }): [number, number, number] => [
          (atNs - originNs) / 1e9,
          Math.round(product),
          Math.round(copy),
        ]),
      },
    ];
  });
  return devices.length === 0 ? {} : { machine: { probes: [], devices } };
}
