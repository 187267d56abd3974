import { isMapping } from "../../core/index.ts";
import { tokenIndices } from "../../exec/index.ts";
import { divideRows, halfOf, modulePattern, PROJECTIONS, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import type { Line, Value } from "../write/workload-text.ts";
import type { Reading } from "./reading.ts";
import { type StepFacts, scheduleLines } from "./schedule-lines.ts";
import { defaultOf, defaultsOf, type JobContext } from "./tool-defaults.ts";

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
  const { targets } = defaultsOf(context);
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

/** Trainers that compare answers turn dropout off unless they are told otherwise. */
function dropoutLines(reading: Reading, context: JobContext, otherwise: number): readonly Line[] {
  if (context.loss?.isWithoutDropout !== true) return line(context, "dropout", reading.number("dropout"), otherwise);
  reading.idle("dropout", "the tool turns dropout off where answers are compared");
  return [{ key: "dropout", value: 0 }];
}

/** Rows of the embedding that are trained too. */
function tokenLines(reading: Reading): readonly Line[] {
  const given = reading.given("trainedTokens");
  const tokens = tokenIndices(given?.value);
  if (given === undefined || tokens === undefined) return [];
  if (Array.isArray(tokens) && tokens.every((id) => Number.isSafeInteger(id)))
    return [{ key: "trainableTokens", value: [...new Set(tokens)].toSorted((a, b) => a - b), why: given.key }];
  reading.lacks("trainedTokens", "rows of other modules than the embedding are trained");
  return [];
}

function adapterLines(reading: Reading, context: JobContext): readonly Line[] {
  const defaults = defaultsOf(context);
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
    ...dropoutLines(reading, context, defaults.dropout),
    ...tokenLines(reading),
    ...targetsOf(reading, context),
    ...(init === undefined ? [] : [{ key: "init", value: context.pathOf(init.value), why: init.key }]),
  ];
}

/** AdamW by other names. In 8 bits its moments are rounded, which is no other method. */
const SAME_OPTIMIZER = /^(?:adamw|adamw_hf|adamw_torch|adamw_torch_fused|adamw_apex_fused|adamw_anyprecision)$/i;
const PACKED_OPTIMIZER = /^(?:paged_adamw(?:_(?:32|8)bit)?|adamw_(?:bnb_)?8bit|adamw_torch_(?:8|4)bit)$/i;

function optimizerLines(reading: Reading, context: JobContext, steps: StepFacts): readonly Line[] {
  const defaults = defaultsOf(context);
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

interface Batch {
  readonly lines: readonly Line[];
  readonly rows: number;
  /** Steps of an epoch in the tool, of so many rows; undefined where sequences have several rows. */
  readonly stepsThere: ((rows: number) => number) | undefined;
}

/** Rows of a step where each sequence is filled with as many as fit: as many as fit on average. */
function packedBatch(reading: Reading, context: JobContext, sequences: number, product: string): Batch | undefined {
  const cutoff = reading.count("cutoff", 2)?.value ?? defaultsOf(context).cutoff;
  const { count, meanTokens } = context.rows ?? { count: 0, meanTokens: undefined };
  if (meanTokens === undefined || cutoff === undefined) {
    reading.lacks(
      "packing",
      `a step has ${sequences} sequences of several rows each; how many is not known here without the rows and the model: multiply batchSize by it`,
    );
    return undefined;
  }
  const perSequence = Math.max(1, cutoff / meanTokens);
  const rows = Math.max(1, Math.min(count, Math.round(sequences * perSequence)));
  const told = `${product} sequences of ${cutoff} tokens, in each of which ${perSequence.toFixed(1)} rows of ${meanTokens.toFixed(1)} tokens fit on average`;
  for (const setting of ["packing", "microBatch", "accumulation"] as const)
    reading.otherwise(setting, `${told} = batchSize ${rows}`);
  return { lines: [{ key: "batchSize", value: rows, why: told }], rows, stepsThere: undefined };
}

/** Rows of a step, of all processes together. */
function batchOf(reading: Reading, context: JobContext): Batch {
  const [micro, accumulation, whole] = [
    reading.count("microBatch"),
    reading.count("accumulation"),
    reading.count("batch"),
  ];
  if (whole !== undefined && micro === undefined)
    return { lines: line(context, "batchSize", whole, 1), rows: whole.value, stepsThere: undefined };
  const perPass = micro?.value ?? defaultsOf(context).microBatch;
  const factors = [
    { key: micro?.key ?? defaultOf(context.tool, "batchSize"), value: perPass },
    ...(accumulation === undefined ? [] : [accumulation]),
    ...(context.gpus === 1 ? [] : [{ key: "GPUs", value: context.gpus }]),
  ];
  const rows = factors.reduce((product, { value }) => product * value, 1);
  const product = factors.map(({ key, value }) => `${value} (${key})`).join(" x ");
  if (reading.isOn("packing")) {
    const packed = packedBatch(reading, context, rows, product);
    if (packed !== undefined) return packed;
  }
  const text = `${product} = batchSize ${rows}; the planner cuts micro-batches`;
  for (const setting of ["microBatch", "accumulation", "batch"] as const) reading.otherwise(setting, text);
  const round = reading.isOn("dropLast") ? Math.floor : Math.ceil;
  return {
    lines: [{ key: "batchSize", value: rows, why: factors.length === 1 ? factors[0]!.key : product }],
    rows,
    // Source: Trainer.set_initial_training_values, transformers 5.24.
    stepsThere: (all) => Math.max(1, Math.ceil(round(all / (perPass * context.gpus)) / (accumulation?.value ?? 1))),
  };
}

interface Amount {
  readonly lines: readonly Line[];
  readonly epochs: number;
  /** Steps of the run; undefined where the number of rows is not known. */
  readonly steps: number | undefined;
}

/** Steps or epochs. `rows`: those that are trained on. */
function amountOf(reading: Reading, context: JobContext, batch: Batch, rows: number | undefined): Amount {
  const [steps, given] = [reading.number("steps"), reading.number("epochs")];
  if (steps !== undefined && steps.value > 0) {
    const { value, key } = reading.count("steps")!;
    if (given !== undefined) reading.otherwise("epochs", `${key} counts`);
    const epochs = rows === undefined ? 1 : (value * batch.rows) / rows;
    return { lines: [{ key: "steps", value, why: key }], epochs, steps: value };
  }
  if (given !== undefined && given.value <= 0) throw reading.wrong(given.key, "a number above 0", given.value);
  const epochs = given?.value ?? defaultsOf(context).epochs;
  const made = rows === undefined ? undefined : Math.max(1, Math.ceil((rows * epochs) / batch.rows));
  const there = rows === undefined ? undefined : batch.stepsThere?.(rows);
  if (!Number.isInteger(epochs) && made !== undefined) {
    reading.otherwise("epochs", `${epochs} epochs of ${rows} rows are ${made} steps`);
    return { lines: [{ key: "steps", value: made, why: given!.key }], epochs, steps: made };
  }
  const whole = Math.ceil(epochs);
  if (whole !== epochs) reading.lacks("epochs", `a part of an epoch: epochs is ${whole}`);
  else if (there !== undefined && Math.ceil(there * epochs) !== made)
    reading.otherwise(
      "epochs",
      `${made} steps, since a batch takes rows of two epochs; ${Math.ceil(there * epochs)} there, where each epoch ends with ${reading.isOn("dropLast") ? "rows that are left out" : "a smaller batch"}`,
    );
  return {
    lines: line(context, "epochs", given === undefined ? undefined : { ...given, value: whole }, whole),
    epochs: whole,
    steps: made,
  };
}

/** The share of rows that are held out: as many as there. */
function shareOf(reading: Reading, { rows }: JobContext): Found<number> {
  const share = reading.number("share");
  if (share === undefined || share.value <= 0) return undefined;
  if (rows === undefined || rows.count < 2) {
    if (share.value < 1) return share;
    reading.lacks("share", `${share.value} rows of a file that is not here: write the share of its rows`);
    return { ...share, value: 0.1 };
  }
  // Source: train_test_split of datasets 5.2, which all of them call.
  const held = Math.min(share.value < 1 ? Math.ceil(share.value * rows.count) : share.value, rows.count - 1);
  if (share.value < 1 && heldOut(share.value, rows.count) === held) return share;
  reading.otherwise("share", `${held} of ${rows.count} rows as a share`);
  return { key: share.key, value: Number((held / rows.count).toPrecision(6)) };
}

function heldOut(share: number, count: number): number {
  return divideRows({ share, everySteps: 1, keepBest: true }, count, 0).evaluation.length;
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
    return { key: "everySteps", value: Math.max(1, Math.ceil(value ?? EVERY)), why: reading.given(setting)!.key };
  };
  const { total, epochs } = facts;
  const length = total === undefined ? undefined : total / epochs;
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
  const every = length === undefined ? EVERY : Math.min(EVERY, Math.ceil(length));
  return { key: "everySteps", value: every, why: "the file does not say how often" };
}

/** All of a job but its name and its data. `held`: the data of an evaluation of its own. */
export function jobLines(reading: Reading, context: JobContext, held: readonly Line[] | undefined): readonly Line[] {
  const batch = batchOf(reading, context);
  const share = held === undefined ? shareOf(reading, context) : undefined;
  const all = context.rows?.count;
  const rows = all === undefined ? undefined : all - (share === undefined ? 0 : heldOut(share.value, all));
  const amount = amountOf(reading, context, batch, rows);
  const facts = { total: amount.steps, epochs: amount.epochs };
  const cutoff = reading.count("cutoff", 2);
  const isEvaluated = share !== undefined || held !== undefined;
  const patience = reading.count("patience");
  if (patience !== undefined && isEvaluated)
    reading.otherwise(
      "patience",
      "a loss is better by 1 % at least (`minDelta`); `divergence` and `plateau` stop a job, too",
    );
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
    ...(context.loss === undefined ? [] : [{ key: "loss", value: { lines: context.loss.lines } }]),
    { key: "adapter", value: { lines: adapterLines(reading, context) } },
    ...line(context, "cutoffLength", cutoff, defaultsOf(context).cutoff),
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
