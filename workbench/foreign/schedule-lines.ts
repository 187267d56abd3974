import { isMapping } from "../../core/index.ts";
import type { Line } from "../write/workload-text.ts";
import type { Reading } from "./reading.ts";
import { defaultOf, type JobContext, TOOL_DEFAULTS } from "./tool-defaults.ts";

/** Steps, where the number of rows is known. */
export interface StepFacts {
  readonly perEpoch: number | undefined;
  readonly total: number | undefined;
}

/** Schedules of transformers by their names, as ours. Source: SchedulerType. */
const SCHEDULES: Readonly<Record<string, "constant" | "linear" | "cosine">> = {
  constant: "constant",
  constant_with_warmup: "constant",
  linear: "linear",
  cosine: "cosine",
  cosine_with_min_lr: "cosine",
};

/** The least rate as a share of the highest. */
function minRatioOf(reading: Reading, context: JobContext, schedule: string): Line | undefined {
  const ratio = reading.number("minRatio");
  if (ratio !== undefined) return { key: "minRatio", value: ratio.value, why: ratio.key };
  const rate = reading.number("rate")?.value ?? TOOL_DEFAULTS[context.tool].rate;
  const least = reading.number("leastRate");
  if (least !== undefined)
    return { key: "minRatio", value: Number((least.value / rate).toPrecision(6)), why: least.key };
  const options = reading.given("schedulerOptions");
  if (options === undefined) return undefined;
  const entries = isMapping(options.value) ? Object.entries(options.value).filter(([, value]) => value !== null) : [];
  if (schedule === "cosine_with_min_lr" && entries.length === 1) {
    const [[name, value]] = entries as [[string, unknown]];
    const share = name === "min_lr_rate" ? Number(value) : name === "min_lr" ? Number(value) / rate : Number.NaN;
    if (share >= 0 && share <= 1)
      return { key: "minRatio", value: Number(share.toPrecision(6)), why: `${options.key}.${name}` };
  }
  if (entries.length > 0)
    reading.lacks("schedulerOptions", `what the schedule is told: ${entries.map(([name]) => name).join(", ")}`);
  return undefined;
}

/** Whole steps, as the tool rounds: Axolotl down, and 1 to 2; transformers up. */
function warmupSteps({ tool }: JobContext, steps: number): number {
  if (tool !== "axolotl") return Math.ceil(steps);
  return Math.floor(steps) === 1 ? 2 : Math.floor(steps);
}

function warmupOf(reading: Reading, context: JobContext, { total }: StepFacts): Line | undefined {
  const [steps, ratio] = [reading.number("warmupSteps"), reading.number("warmupRatio")];
  const share = (setting: "warmupSteps" | "warmupRatio", of: number, key: string): Line | undefined => {
    if (total === undefined) {
      reading.lacks(setting, `${of} of the steps, whose number is not known here: write schedule.warmupSteps`);
      return undefined;
    }
    const value = warmupSteps(context, of * total);
    reading.otherwise(setting, `${of} of ${total} steps`);
    return { key: "warmupSteps", value, why: key };
  };
  if (steps !== undefined && steps.value > 0) {
    if (ratio !== undefined) reading.idle("warmupRatio", `${steps.key} counts`);
    if (steps.value < 1) return share("warmupSteps", steps.value, steps.key);
    return { key: "warmupSteps", value: Math.round(steps.value), why: steps.key };
  }
  if (ratio !== undefined) return ratio.value > 0 ? share("warmupRatio", ratio.value, ratio.key) : undefined;
  const { warmup } = TOOL_DEFAULTS[context.tool];
  if (steps !== undefined || warmup === undefined) return undefined;
  if (total === undefined) {
    const text = `by default the rate warms up for ${100 * warmup.ratio} % of the steps, whose number is not known here`;
    reading.unsaid("warmup_ratio", "lacks", `${text}: write schedule.warmupSteps`);
    return undefined;
  }
  const value = warmupSteps(context, Math.min(warmup.ratio * total, warmup.most));
  return value === 0 ? undefined : { key: "warmupSteps", value, why: defaultOf(context.tool, "schedule") };
}

/** How the learning rate goes. */
export function scheduleLines(reading: Reading, context: JobContext, facts: StepFacts): readonly Line[] {
  const given = reading.text("scheduler");
  const asked = given?.value ?? TOOL_DEFAULTS[context.tool].scheduler;
  const name = Object.hasOwn(SCHEDULES, asked) ? SCHEDULES[asked] : undefined;
  if (name === undefined) reading.lacks("scheduler", `the schedule ${asked}: cosine takes its place`);
  const why = given?.key ?? defaultOf(context.tool, "schedule");
  const cosine = reading.number("cosineSteps");
  if (cosine !== undefined && cosine.value !== facts.total)
    reading.lacks("cosineSteps", `the rate falls for ${cosine.value} steps; here it falls for all steps of the job`);
  const minRatio = minRatioOf(reading, context, asked);
  const lines: readonly Line[] = [{ key: "name", value: name ?? "cosine", why }];
  // Transformers' `constant` takes no notice of a warmup.
  if (asked === "constant") {
    for (const setting of ["warmupSteps", "warmupRatio"] as const)
      reading.idle(setting, "the schedule `constant` of transformers does not warm up");
    return lines;
  }
  const warmup = warmupOf(reading, context, facts);
  return [...lines, ...(warmup === undefined ? [] : [warmup]), ...(minRatio === undefined ? [] : [minRatio])];
}
