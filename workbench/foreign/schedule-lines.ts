import { isMapping } from "../../core/index.ts";
import type { RateSchedule } from "../../plan/index.ts";
import type { Line } from "../write/workload-text.ts";
import type { Reading } from "./reading.ts";
import { defaultOf, defaultsOf, type JobContext } from "./tool-defaults.ts";

/** How long a job trains, where the number of rows is known. */
export interface StepFacts {
  /** Steps of the run. */
  readonly total: number | undefined;
  readonly epochs: number;
}

type Key = Exclude<keyof RateSchedule, "name" | "warmupSteps" | "warmupFromZero">;

/** A schedule of transformers as ours, and what its arguments (`lr_scheduler_kwargs`) are here. */
interface TrainerSchedule {
  readonly name: RateSchedule["name"];
  readonly options?: Readonly<Record<string, Key>>;
  /** Where the Trainer has a default that is none of ours. */
  readonly unsaid?: Readonly<Partial<Record<Key, number>>>;
}

const MIN_LR = { num_cycles: "cycles", min_lr: "minLearningRate", min_lr_rate: "minRatio" } as const;

/** By their names there. Source: SchedulerType and optimization.py, transformers 5.24. */
const SCHEDULES: Readonly<Record<string, TrainerSchedule>> = {
  constant: { name: "constant" },
  constant_with_warmup: { name: "constant" },
  linear: { name: "linear" },
  cosine: { name: "cosine", options: { num_cycles: "cycles" } },
  cosine_with_restarts: { name: "cosine_with_restarts", options: { num_cycles: "cycles" } },
  cosine_with_min_lr: { name: "cosine", options: MIN_LR },
  cosine_warmup_with_min_lr: { name: "cosine_warmup_with_min_lr", options: MIN_LR },
  polynomial: {
    name: "polynomial",
    options: { lr_end: "minLearningRate", power: "power" },
    unsaid: { minLearningRate: 1e-7 },
  },
  inverse_sqrt: { name: "inverse_sqrt", options: { timescale: "timescale" } },
  warmup_stable_decay: {
    name: "warmup_stable_decay",
    options: {
      ...{ num_decay_steps: "decaySteps", num_stable_steps: "stableSteps", num_cycles: "cycles" },
      ...{ warmup_type: "warmupType", decay_type: "decayType", min_lr_ratio: "minRatio" },
    },
  },
};

/** What the schedule is told by its arguments. */
function optionLines(reading: Reading, context: JobContext, schedule: TrainerSchedule | undefined): readonly Line[] {
  const { options = {}, unsaid = {} } = schedule ?? {};
  const given = reading.given("schedulerOptions");
  const entries = isMapping(given?.value) ? Object.entries(given.value).filter(([, value]) => value !== null) : [];
  const unknown = entries.filter(([name]) => !Object.hasOwn(options, name)).map(([name]) => name);
  if (unknown.length > 0) reading.lacks("schedulerOptions", `what the schedule is told: ${unknown.join(", ")}`);
  const lines = entries.flatMap(([name, value]): readonly Line[] => {
    const key = options[name];
    if (key === undefined) return [];
    const isForm = key === "warmupType" || key === "decayType";
    const ours = typeof value === "string" && !isForm && value.trim() !== "" ? Number(value) : value;
    if (typeof ours !== (isForm ? "string" : "number") || Number.isNaN(ours))
      throw reading.wrong(given!.key, `${isForm ? "a word" : "a number"} for ${name}`, value);
    return [{ key, value: ours as string | number, why: `${given!.key}.${name}` }];
  });
  const rest = Object.entries(unsaid).filter(([key]) => !lines.some((line) => line.key === key));
  const why = defaultOf(context.tool === "mlora" ? "mlora" : "peft", "schedule");
  return [...lines, ...rest.map(([key, value]) => ({ key, value, why }))];
}

/**
 * Steps of `warmup_stable_decay` that nobody wrote; undefined where they are not known. LLaMA-Factory takes a third of
 * what the warm-up leaves for the stable part. Source: create_custom_scheduler, llamafactory 0.9.5.
 */
function unsaidSteps(
  reading: Reading,
  { tool }: JobContext,
  total: number | undefined,
  warmupSteps: number,
  given: readonly Line[],
): readonly Line[] | undefined {
  const lacks = (key: string): boolean => !given.some((line) => line.key === key);
  if (tool !== "llamafactory") {
    if (lacks("decaySteps")) {
      const { key, value } = reading.given("schedulerOptions") ?? reading.given("scheduler")!;
      throw reading.wrong(key, "lr_scheduler_kwargs with num_decay_steps", value);
    }
    return [];
  }
  if (!lacks("decaySteps") && !lacks("stableSteps")) return [];
  if (total === undefined) return undefined;
  const rest = Math.max(1, total - warmupSteps);
  const stable = Math.floor(rest / 3);
  const why = defaultOf(tool, "schedule");
  return [
    { key: "stableSteps", value: stable, why },
    { key: "decaySteps", value: rest - stable, why },
  ].filter(({ key }) => lacks(key));
}

/** The least rate by a key of the tool's own. */
function leastLine(reading: Reading, context: JobContext, asked: string): readonly Line[] {
  const ratio = reading.number("minRatio");
  if (ratio !== undefined && asked === "cosine") return [{ key: "minRatio", value: ratio.value, why: ratio.key }];
  if (ratio !== undefined) reading.idle("minRatio", `the schedule ${asked} takes no notice of it`);
  const least = reading.number("leastRate");
  if (least === undefined) return [];
  const rate = reading.number("rate")?.value ?? defaultsOf(context).rate;
  return [{ key: "minRatio", value: Number((least.value / rate).toPrecision(6)), why: least.key }];
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
  const { warmup } = defaultsOf(context);
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
  const asked = given?.value ?? defaultsOf(context).scheduler;
  const schedule = Object.hasOwn(SCHEDULES, asked) ? SCHEDULES[asked] : undefined;
  if (schedule === undefined) reading.lacks("scheduler", `the schedule ${asked}: cosine takes its place`);
  const why = given?.key ?? defaultOf(context.tool, "schedule");
  const cosine = reading.number("cosineSteps");
  if (cosine !== undefined && cosine.value !== facts.total)
    reading.lacks("cosineSteps", `the rate falls for ${cosine.value} steps; here it falls for all steps of the job`);
  // Transformers' `constant` takes no notice of a warmup.
  if (asked === "constant")
    for (const setting of ["warmupSteps", "warmupRatio"] as const)
      reading.idle(setting, "the schedule `constant` of transformers does not warm up");
  const warmup = asked === "constant" ? undefined : warmupOf(reading, context, facts);
  const options = optionLines(reading, context, schedule);
  const unsaid =
    schedule?.name === "warmup_stable_decay"
      ? unsaidSteps(reading, context, facts.total, Number(warmup?.value ?? 0), options)
      : [];
  if (unsaid === undefined)
    reading.lacks(
      "scheduler",
      `${asked} for shares of the steps, whose number is not known here: cosine takes its place`,
    );
  const name = unsaid === undefined ? "cosine" : (schedule?.name ?? "cosine");
  const rest = unsaid === undefined ? [] : [...options, ...unsaid, ...leastLine(reading, context, asked)];
  const from = { key: "warmupFromZero", value: true, why: "the first step of transformers' warm-up has the rate 0" };
  return [
    { key: "name", value: name, why },
    ...(warmup === undefined ? [] : [warmup]),
    // This one begins as ours do.
    ...(warmup === undefined || name === "cosine_warmup_with_min_lr" ? [] : [from]),
    ...rest,
  ];
}
