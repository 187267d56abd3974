import { isMapping } from "../../core/index.ts";
import { halfOf, modulePattern, PROJECTIONS, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import type { Line, Value } from "../write/workload-text.ts";
import type { Reading } from "./reading.ts";
import { type StepFacts, scheduleLines } from "./schedule-lines.ts";
import { defaultOf, type JobContext, TOOL_DEFAULTS } from "./tool-defaults.ts";

type Found<T> = { readonly key: string; readonly value: T } | undefined;

/** A line with what was given, else with the tool's default. */
function line(context: JobContext, key: string, given: Found<Value>, otherwise: Value | undefined): readonly Line[] {
  if (given !== undefined) return [{ key, value: given.value, why: given.key }];
  return otherwise === undefined ? [] : [{ key, value: otherwise, why: defaultOf(context.tool, key) }];
}

const ALL = [...UNFUSED_PROJECTIONS];

/** Projections whose whole names an expression is true of; undefined for one that is none. */
function modulesOf(expression: string): readonly string[] | undefined {
  const whole = modulePattern(expression);
  if (whole === undefined) return undefined;
  const named = ALL.filter((name) => {
    const block = halfOf(name) === "attention" ? "self_attn" : "mlp";
    return whole.test(`model.layers.0.${block}.${name}`) || whole.test(`model.layers.10.${block}.${name}`);
  });
  return whole.test("lm_head") ? [...named, "lm_head"] : named;
}

function targetsOf(reading: Reading, context: JobContext): readonly Line[] {
  if (reading.isOn("allTargets")) return [{ key: "targets", value: ALL, why: reading.given("allTargets")!.key }];
  const given = reading.given("targets");
  const { targets } = TOOL_DEFAULTS[context.tool];
  if (given === undefined) return line(context, "targets", undefined, targets === "all" ? ALL : targets);
  // mLoRA has a switch for each, LLaMA-Factory a list in a text.
  const { key, value } = given;
  if (typeof value !== "string" && !Array.isArray(value) && !isMapping(value))
    throw reading.wrong(key, "names of projections", value);
  const named =
    typeof value === "string"
      ? value.split(",").map((name) => name.trim())
      : Array.isArray(value)
        ? value.map(String)
        : Object.entries(value).flatMap(([name, is]) => (is === true ? [name] : []));
  if (typeof value === "string" && /[*()[\]|\\^$+?]/.test(value)) {
    // PEFT takes a text as a regular expression over the whole name of a module.
    const found = modulesOf(value);
    if (found === undefined || found.length === 0)
      throw reading.wrong(key, "an expression that names projections", value);
    return [{ key: "targets", value: found, why: key }];
  }
  if (named.some((name) => name === "all" || name === "all-linear")) return [{ key: "targets", value: ALL, why: key }];
  const known = PROJECTIONS.filter((name) => named.includes(name));
  const unknown = named.filter((name) => !PROJECTIONS.some((one) => one === name));
  if (unknown.length > 0)
    reading.lacks(
      "targets",
      `${unknown.join(", ")} ${unknown.length === 1 ? "is no projection" : "are no projections"} of loratwin`,
    );
  return [{ key: "targets", value: known.length === 0 ? ALL : known, why: key }];
}

/** Ranks and alphas of some modules. */
function patternLines(reading: Reading): readonly Line[] {
  return (["rankPattern", "alphaPattern"] as const).flatMap((key) => {
    const given = reading.given(key);
    if (given === undefined || given.value === null) return [];
    const { value } = given;
    if (!isMapping(value) || !Object.values(value).every((each) => typeof each === "number"))
      throw reading.wrong(given.key, "a mapping of modules to numbers", value);
    const lines = Object.entries(value as Record<string, number>).map(([name, number]) => ({
      key: name,
      value: number,
    }));
    return lines.length === 0 ? [] : [{ key, value: { lines }, why: given.key }];
  });
}

function adapterLines(reading: Reading, context: JobContext): readonly Line[] {
  const defaults = TOOL_DEFAULTS[context.tool];
  const rank = reading.count("rank");
  const size = rank?.value ?? defaults.rank;
  const alpha = reading.number("alpha");
  const init = reading.text("init");
  return [
    ...line(context, "rank", rank, defaults.rank),
    ...line(context, "alpha", alpha, defaults.alpha(size)),
    ...(reading.isOn("rootScaled") ? [{ key: "rslora", value: true, why: reading.given("rootScaled")!.key }] : []),
    ...(reading.isOn("magnitudes") ? [{ key: "dora", value: true, why: reading.given("magnitudes")!.key }] : []),
    ...patternLines(reading),
    ...line(context, "dropout", reading.number("dropout"), defaults.dropout),
    ...targetsOf(reading, context),
    ...(init === undefined ? [] : [{ key: "init", value: context.pathOf(init.value), why: init.key }]),
  ];
}

/** AdamW by other names. In 8 bits its moments are rounded, which is no other method. */
const SAME_OPTIMIZER = /^(?:adamw|adamw_hf|adamw_torch|adamw_torch_fused|adamw_apex_fused|adamw_anyprecision)$/i;
const PACKED_OPTIMIZER = /^(?:paged_adamw(?:_(?:32|8)bit)?|adamw_(?:bnb_)?8bit|adamw_torch_(?:8|4)bit)$/i;

function optimizerLines(reading: Reading, context: JobContext, steps: StepFacts): readonly Line[] {
  const defaults = TOOL_DEFAULTS[context.tool];
  const optimizer = reading.text("optimizer");
  if (optimizer !== undefined && PACKED_OPTIMIZER.test(optimizer.value))
    reading.otherwise("optimizer", `AdamW as ${optimizer.value} keeps its moments smaller; here they are in fp32`);
  else if (optimizer !== undefined && !SAME_OPTIMIZER.test(optimizer.value))
    reading.lacks("optimizer", `${optimizer.value}: AdamW takes its place`);
  const [beta1, beta2] = [reading.number("beta1"), reading.number("beta2")];
  const betas: Found<Value> =
    beta1 === undefined && beta2 === undefined
      ? undefined
      : {
          key: [beta1, beta2].flatMap((beta) => beta?.key ?? []).join(", "),
          value: [beta1?.value ?? 0.9, beta2?.value ?? 0.999],
        };
  const decay = defaults.weightDecay === 0 ? undefined : defaults.weightDecay;
  const norm = reading.number("maxGradNorm");
  const ratio = reading.number("loraPlusRatio");
  // Source: create_loraplus_optimizer of peft 0.21, which Axolotl gives no weight decay.
  const decaysNothing = ratio !== undefined && context.tool === "axolotl" && reading.given("weightDecay") !== undefined;
  if (decaysNothing) reading.idle("weightDecay", "with LoRA+ Axolotl decays nothing");
  const isClipped = norm === undefined || norm.value > 0;
  return [
    ...line(context, "learningRate", reading.number("rate"), defaults.rate),
    ...line(context, "betas", betas, undefined),
    ...line(context, "eps", reading.number("eps"), undefined),
    ...(decaysNothing ? [] : line(context, "weightDecay", reading.number("weightDecay"), decay)),
    ...line(context, "loraPlusRatio", ratio, undefined),
    ...(isClipped ? line(context, "maxGradNorm", norm, defaults.maxGradNorm) : []),
    { key: "schedule", value: { lines: scheduleLines(reading, context, steps) } },
  ];
}

/** Rows of a step, of all processes together. */
function batchOf(reading: Reading, context: JobContext): { readonly lines: readonly Line[]; readonly rows: number } {
  const [micro, accumulation, whole] = [
    reading.count("microBatch"),
    reading.count("accumulation"),
    reading.count("batch"),
  ];
  if (whole !== undefined && micro === undefined)
    return { lines: line(context, "batchSize", whole, 1), rows: whole.value };
  const factors = [
    {
      key: micro?.key ?? defaultOf(context.tool, "batchSize"),
      value: micro?.value ?? TOOL_DEFAULTS[context.tool].microBatch,
    },
    ...(accumulation === undefined ? [] : [accumulation]),
    ...(context.gpus === 1 ? [] : [{ key: "GPUs", value: context.gpus }]),
  ];
  const rows = factors.reduce((product, { value }) => product * value, 1);
  const product = factors.map(({ key, value }) => `${value} (${key})`).join(" x ");
  const text = `${product} = batchSize ${rows}; the planner cuts micro-batches`;
  for (const setting of ["microBatch", "accumulation", "batch"] as const) reading.otherwise(setting, text);
  return { lines: [{ key: "batchSize", value: rows, why: factors.length === 1 ? factors[0]!.key : product }], rows };
}

function amountLines(
  reading: Reading,
  context: JobContext,
): { readonly lines: readonly Line[]; readonly epochs: number | undefined; readonly steps: number | undefined } {
  const [steps, epochs] = [reading.number("steps"), reading.number("epochs")];
  if (steps !== undefined && steps.value > 0) {
    const { value, key } = reading.count("steps")!;
    if (epochs !== undefined) reading.otherwise("epochs", `${key} counts`);
    return { lines: [{ key: "steps", value, why: key }], epochs: undefined, steps: value };
  }
  if (epochs !== undefined && epochs.value <= 0) throw reading.wrong(epochs.key, "a number above 0", epochs.value);
  const value = Math.ceil(epochs?.value ?? TOOL_DEFAULTS[context.tool].epochs);
  if (epochs !== undefined && value !== epochs.value) reading.lacks("epochs", `a part of an epoch: epochs is ${value}`);
  return {
    lines: line(context, "epochs", epochs === undefined ? undefined : { ...epochs, value }, value),
    epochs: value,
    steps: undefined,
  };
}

/** The share of rows that are held out. */
function shareOf(reading: Reading, { numRows }: JobContext): Found<number> {
  const share = reading.number("share");
  if (share === undefined || share.value <= 0) return undefined;
  if (share.value < 1) return share;
  if (numRows === undefined || share.value >= numRows) {
    reading.lacks("share", `${share.value} rows of a file that is not here: write the share of its rows`);
    return { ...share, value: 0.1 };
  }
  reading.otherwise("share", `${share.value} of ${numRows} rows as a share`);
  return { key: share.key, value: Number((share.value / numRows).toPrecision(6)) };
}

/** Steps between evaluations where the file does not say, or only in a way that needs all rows. */
const EVERY = 50;

function everyLine(reading: Reading, facts: StepFacts): Line {
  const [perEpoch, steps] = [reading.number("evalsPerEpoch"), reading.number("evalSteps")];
  const strategy = reading.text("evalStrategy")?.value;
  const each = (
    setting: "evalsPerEpoch" | "evalSteps" | "evalStrategy",
    value: number | undefined,
    text: string,
  ): Line => {
    reading.otherwise(
      setting,
      value === undefined ? `${text}; every ${EVERY} steps, since the number of rows is not known` : text,
    );
    return { key: "everySteps", value: Math.max(1, Math.round(value ?? EVERY)), why: reading.given(setting)!.key };
  };
  const { perEpoch: length, total } = facts;
  if (perEpoch !== undefined && perEpoch.value > 0)
    return each(
      "evalsPerEpoch",
      length === undefined ? undefined : length / perEpoch.value,
      `${perEpoch.value} times an epoch`,
    );
  if (steps !== undefined && steps.value >= 1)
    return { key: "everySteps", value: Math.ceil(steps.value), why: steps.key };
  if (steps !== undefined && steps.value > 0)
    return each(
      "evalSteps",
      total === undefined ? undefined : total * steps.value,
      `after ${steps.value} of all steps`,
    );
  if (strategy === "epoch") return each("evalStrategy", length, "after each epoch");
  const every = length === undefined ? EVERY : Math.min(EVERY, length);
  return { key: "everySteps", value: every, why: "the file does not say how often" };
}

/** All of a job but its name and its data. `held`: the data of an evaluation of its own. */
export function jobLines(reading: Reading, context: JobContext, held: readonly Line[] | undefined): readonly Line[] {
  const batch = batchOf(reading, context);
  const amount = amountLines(reading, context);
  const share = held === undefined ? shareOf(reading, context) : undefined;
  const rows = context.numRows === undefined ? undefined : Math.ceil(context.numRows * (1 - (share?.value ?? 0)));
  const perEpoch = rows === undefined ? undefined : Math.ceil(rows / batch.rows);
  const total = amount.steps ?? (perEpoch === undefined ? undefined : perEpoch * amount.epochs!);
  const facts = { perEpoch, total };
  const cutoff = reading.count("cutoff", 2);
  const isEvaluated = share !== undefined || held !== undefined;
  const patience = reading.count("patience");
  if (patience !== undefined && isEvaluated)
    reading.otherwise("patience", "`loratwin serve` stops early; `train` trains all steps and keeps the best adapter");
  else if (patience !== undefined) reading.idle("patience", "nothing is evaluated");
  if (!isEvaluated)
    for (const setting of ["evalSteps", "evalsPerEpoch", "evalStrategy", "keepBest"] as const)
      reading.idle(setting, "no rows are held out");
  const evaluation: readonly Line[] = isEvaluated
    ? [
        {
          key: "evaluation",
          value: {
            lines: [
              ...(share === undefined
                ? [{ key: "data", value: { lines: held! } }]
                : [{ key: "share", value: share.value, why: share.key }]),
              everyLine(reading, facts),
            ],
          },
        },
      ]
    : [];
  return [
    { key: "adapter", value: { lines: adapterLines(reading, context) } },
    ...line(context, "cutoffLength", cutoff, TOOL_DEFAULTS[context.tool].cutoff),
    ...batch.lines,
    ...amount.lines,
    { key: "optimizer", value: { lines: optimizerLines(reading, context, facts) } },
    ...evaluation,
    ...(patience !== undefined && isEvaluated
      ? [{ key: "earlyStopping", value: { lines: [{ key: "patience", value: patience.value, why: patience.key }] } }]
      : []),
    ...line(context, "seed", reading.count("seed", 0), undefined),
  ];
}
