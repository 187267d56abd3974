import { calibrationAssumptions, costsFacts } from "../calibration/index.ts";
import { counted, formatBytes, formatSeconds, formatSecondsRange } from "../core/index.ts";
import { sharedWeightsText } from "../plan/index.ts";
import type { EstimatedFigure, EstimatedPrice, RunEstimate } from "../workbench/index.ts";
import { costsText } from "./describe-costs.ts";
import { amountText, assumptionLines, outlookLines, percent, rateText, table } from "./output.ts";

/** Rounded up to so many digits, but for what a number in a computer is off. */
function roundedUp(value: number, digits: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) + 1 - digits);
  return Number((Math.ceil(value / unit - 1e-9) * unit).toPrecision(digits));
}

/** What `train` may be given so that it ends where a run takes longer than predicted; null where nobody knows. */
interface Limits {
  readonly maxHours: number;
  readonly maxCost: number | null;
  readonly costPerHour: number | null;
}

/** The upper end of the interval, without interruptions: what ends with one is another process. */
function limitsOf({ seconds: { interval }, price }: RunEstimate): Limits | null {
  if (interval === null || interval[1] === 0) return null;
  const maxHours = roundedUp(interval[1] / 3600, 3);
  if (price === null) return { maxHours, maxCost: null, costPerHour: null };
  const costPerHour = roundedUp(price.perHour, 6);
  return { maxHours, maxCost: roundedUp(maxHours * costPerHour, 3), costPerHour };
}

/** The --json form of an estimate. */
export function estimateFacts(estimate: RunEstimate): unknown {
  const { plan, intervals, seconds, tokensPerSecond, devices, price } = estimate;
  return {
    planHash: plan.hash,
    ...{ seconds, tokensPerSecond, devices, price },
    level: intervals?.level ?? null,
    ...(intervals?.outlooks === undefined ? {} : { outlooks: intervals.outlooks }),
    costs: costsFacts(plan.calibration),
    assumes: calibrationAssumptions(plan.calibration, plan.model.architecture),
    limits: limitsOf(estimate),
  };
}

/** Time, rate and price; without a column of intervals where times are exact or nothing was drawn. */
function figureTable({ intervals, seconds, tokensPerSecond, price }: RunEstimate): string {
  const isDrawn = seconds.interval !== null && seconds.interval[0] !== seconds.interval[1];
  const row = (
    what: string,
    { predicted, interval }: EstimatedFigure,
    one: (value: number) => string,
    range = (low: number, high: number) => `${one(low)} to ${one(high)}`,
  ) => [what, one(predicted), ...(isDrawn ? [range(...interval!)] : [])];
  const interrupted = price?.interrupted ?? null;
  return table(
    ["estimate", "predicted", ...(isDrawn ? [`${percent(intervals!.level, 0)} of runs`] : [])],
    [
      row("time", seconds, formatSeconds, formatSecondsRange),
      ...(interrupted === null
        ? []
        : [row("with interruptions", interrupted.seconds, formatSeconds, formatSecondsRange)]),
      row("tokens/s", tokensPerSecond, rateText),
      ...(price === null
        ? []
        : [row(price.currency === null ? "cost" : `cost in ${price.currency}`, price.total, amountText)]),
    ],
  );
}

function memoryTable({ devices }: RunEstimate): string {
  const bytes = (value: number | null): string => (value === null ? "-" : formatBytes(value));
  return table(
    ["device", "peak memory", "capacity", "headroom"],
    devices.map(({ name, peakMemoryBytes, capacityBytes, headroomBytes }) => [
      name,
      ...[peakMemoryBytes, capacityBytes, headroomBytes].map(bytes),
    ]),
  );
}

/** What spot adds; checkpoints where the run is long enough for one. */
function interruptedLines({ interrupted }: EstimatedPrice): readonly string[] {
  if (interrupted === null) return [];
  const { seconds, checkpointSeconds: every } = interrupted;
  return [
    "  interruptions are in time and cost on average, and widen no interval",
    ...(every === null || every > seconds.predicted
      ? []
      : [
          `  a checkpoint every ${formatSeconds(every)} costs least: --checkpoint-minutes ${Number((every / 60).toPrecision(3))}`,
        ]),
  ];
}

function priceLines(price: EstimatedPrice | null): readonly string[] {
  if (price === null) return ["cost: --prices FILE or --cost-per-hour N says what the devices cost"];
  const { accelerators, currency, parts, perHour, pricesOf, tenure } = price;
  if (parts === null) return [`cost: all devices together at ${amountText(perHour)} an hour`];
  const had = accelerators
    .map(
      ({ name, count, paidCount }) =>
        `${count} x ${name}${paidCount === count ? "" : ` (${paidCount} are paid for, as machines are sold)`}`,
    )
    .join(" and ");
  return [
    `cost: ${had} at ${amountText(perHour)} ${currency} an hour together, ${tenure}`,
    ...(tenure === "buy"
      ? [
          `  of it ${amountText(parts.hardware)} ${currency} for the hardware's time and ${amountText(parts.energy)} for power`,
        ]
      : []),
    ...interruptedLines(price),
    `  prices of ${pricesOf}; storage, network traffic and people are not in them`,
  ];
}

function limitLines(estimate: RunEstimate): readonly string[] {
  const limits = limitsOf(estimate);
  if (limits === null) return [];
  const { maxHours, maxCost, costPerHour } = limits;
  return [
    `limit: \`train --max-hours ${maxHours}\` ends a longer run with a checkpoint`,
    ...(maxCost === null ? [] : [`  and so does --max-cost ${maxCost} --cost-per-hour ${costPerHour}`]),
  ];
}

/** An estimate as a person reads it. */
export function estimateText(estimate: RunEstimate): string {
  const { plan, price } = estimate;
  const { devices, jobs, microBatches, schedule } = plan;
  const types = [...new Set(devices.map(({ type }) => type))].join(", ");
  return [
    `${counted(jobs.length, "job")} on ${counted(devices.length, "device")} (${types}), ${schedule}, ${counted(microBatches.length, "micro-batch")}`,
    "",
    figureTable(estimate),
    ...outlookLines(estimate.intervals?.outlooks),
    "",
    memoryTable(estimate),
    ...sharedWeightsText(plan),
    "",
    costsText(plan.calibration) ?? "times: constant, as the calibration has them",
    ...assumptionLines(calibrationAssumptions(plan.calibration, plan.model.architecture)),
    "memory: the planner's bound, which devices reserve before they train",
    ...priceLines(price),
    ...limitLines(estimate),
  ].join("\n");
}
