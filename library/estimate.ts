import { z } from "zod";
import { type Plan, type PricesDocument, TENURES, type Tenure, type WorkloadDocument } from "../plan/index.ts";
import type { Interval } from "../traces/index.ts";
import { estimateRun } from "../workbench/index.ts";
import { checkArguments, documentOption, drawsOption } from "./check-options.ts";
import { asLibrary, contextOf } from "./context-of.ts";
import type { PlanOptions } from "./plan-options.ts";
import { planOptionsShape, requestOfOptions } from "./plan-request.ts";
import type { Draws } from "./simulate.ts";

export interface EstimateOptions extends PlanOptions {
  /** How intervals are drawn; false: they are not. */
  readonly intervals?: Draws | false | undefined;
  /** What all devices cost together by the hour; or a document of prices, or its file, and how devices are had. */
  readonly price?:
    | number
    | { readonly prices: string | PricesDocument; readonly tenure?: Tenure | undefined }
    | undefined;
}

/** What is predicted, and the interval in which 90 % of runs should lie; null where none was drawn. */
export interface Figure {
  readonly predicted: number;
  readonly interval: Interval | null;
}

/** What a run of a workload will take, before it runs. */
export interface Estimate {
  readonly plan: Plan;
  readonly seconds: Figure;
  readonly tokensPerSecond: Figure;
  /** By stage. Capacity and headroom are null where memory has no limit. */
  readonly devices: readonly {
    readonly name: string;
    readonly type: string;
    readonly peakMemoryBytes: number;
    readonly capacityBytes: number | null;
    readonly headroomBytes: number | null;
  }[];
  /** null without `price`. In the currency of the prices, or that of the price by the hour. */
  readonly price: {
    readonly total: Figure;
    /** Of all devices together. */
    readonly perHour: number;
    readonly currency: string | null;
  } | null;
}

const argumentsSchema = z.strictObject({
  workload: documentOption,
  options: z.strictObject({
    ...planOptionsShape,
    intervals: drawsOption.optional(),
    price: z
      .union(
        [z.number().positive(), z.strictObject({ prices: documentOption, tenure: z.enum(TENURES).optional() })],
        "a number above 0, or prices with a tenure",
      )
      .optional(),
  } satisfies Record<keyof EstimateOptions, z.ZodType>),
});

/**
 * How long a workload will take, in how much memory of each device, and at what price.
 * @throws InputError, PlanError, DeviceError as `plan` does; InputError for prices that lack a device
 */
export async function estimate(workload: string | WorkloadDocument, options: EstimateOptions = {}): Promise<Estimate> {
  checkArguments(argumentsSchema, { workload, options });
  const context = contextOf(options);
  const { intervals: draws = {}, price } = options;
  return await asLibrary(context, async () => {
    const { intervals: _intervals, ...estimated } = await estimateRun(context, workload, {
      request: requestOfOptions(options),
      intervals:
        draws === false
          ? undefined
          : { samples: draws.samples, seed: draws.seed ?? 0, withHistory: context.cache === true },
      price:
        typeof price === "number"
          ? { perHour: price }
          : price && { prices: price.prices, tenure: price.tenure ?? "on-demand" },
    });
    return estimated;
  });
}
