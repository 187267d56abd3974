import type { Mapping } from "../../core/index.ts";
import { type LossSpec, lossSchema } from "../../plan/index.ts";
import type { Line } from "../write/workload-text.ts";
import type { ForeignTool, Setting } from "./key-rules.ts";
import type { SeenRows } from "./look-at-rows.ts";
import type { Reading } from "./reading.ts";

/** Trainers of TRL; its files do not say whose they are. */
export const TRAINERS = ["sft", "dpo", "kto", "orpo", "cpo"] as const;
export type Trainer = (typeof TRAINERS)[number];

/** What answers are compared by, and how the tool's trainer of it differs from that of texts. */
export interface LossPlan {
  readonly loss: LossSpec;
  readonly lines: readonly Line[];
  /** Whether rows are taken in their order. */
  readonly isOrdered: boolean;
  /** Whether the trainer turns dropout off. */
  readonly isWithoutDropout: boolean;
}

/** Of DPO here, by TRL's names. */
const TYPES = ["sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "apo_zero"] as const;
type DpoType = (typeof TYPES)[number];

/** What only one of the trainers has. */
const SIGNS: readonly (readonly [Trainer, RegExp])[] = [
  ["kto", /^(?:un)?desirable_weight$/],
  ["cpo", /^(?:cpo_alpha|simpo_gamma)$/],
  ["dpo", /^(?:loss_weights|f_divergence_type|use_weighting|ld_alpha|discopop_tau|padding_free|reference_free)$/],
  ["sft", /^(?:packing\w*|completion_only_loss|assistant_only_loss|dataset_text_field|max_seq_length|neftune\w*)$/],
];

/** The trainer of TRL that a file and its rows show. */
export function trainerOf(mapping: Mapping, seen: SeenRows | undefined): Trainer {
  const given = Object.keys(mapping).filter((key) => mapping[key] !== null && mapping[key] !== undefined);
  const losses = [mapping["loss_type"]].flat().map(String);
  if (losses.includes("simpo")) return "cpo";
  if (losses.some((loss) => loss === "kto" || loss === "apo_zero_unpaired")) return "kto";
  const found = SIGNS.find(([, sign]) => given.some((key) => sign.test(key)));
  if (found !== undefined) return found[0];
  const has = (name: string): boolean => seen?.presence(name) === "all";
  const isLabelled = seen?.first.length !== 0 && seen?.first.every((row) => typeof row["label"] === "boolean") === true;
  if (isLabelled) return "kto";
  const isPair = has("chosen") && has("rejected");
  return isPair || "beta" in mapping || losses.some((loss) => TYPES.some((type) => type === loss)) ? "dpo" : "sft";
}

type Written = Readonly<Record<string, string | number>>;

/** A loss under way: keys, each with the key that said it. */
class LossDraft {
  readonly lines: Line[] = [];
  readonly #reading: Reading;

  constructor(kind: LossSpec["kind"], why: string, reading: Reading) {
    this.#reading = reading;
    this.lines.push({ key: "kind", value: kind, why });
  }

  set(key: string, value: string | number, why?: string): void {
    this.lines.push({ key, value, ...(why === undefined ? {} : { why }) });
  }

  /** A number of the file, else the tool's default. */
  number(key: string, setting: Setting, otherwise: number | undefined): void {
    const given = this.#reading.number(setting);
    if (given !== undefined) this.set(key, given.value, given.key);
    else if (otherwise !== undefined) this.set(key, otherwise);
  }

  /** @throws InputError for numbers that the loss does not take */
  get loss(): LossSpec {
    const written = Object.fromEntries(this.lines.map(({ key, value }) => [key, value])) as Written;
    const parsed = lossSchema.safeParse(written);
    if (parsed.success) return parsed.data;
    const { path: at, message } = parsed.error.issues[0]!;
    const line = this.lines.find(({ key }) => key === at[0]);
    throw this.#reading.wrong(line?.why ?? String(at[0]), message, written[String(at[0])]);
  }
}

/** The mean of several losses with weights, of which one may be that of the chosen answers' tokens. */
function dpoTypes(reading: Reading, draft: LossDraft, types: readonly string[]): DpoType | undefined {
  const { value } = reading.given("lossWeights") ?? { value: undefined };
  const weights = Array.isArray(value) ? value.map(Number) : types.map(() => 1);
  const others = types.filter((type) => type !== "sft");
  const [type] = others;
  const known = TYPES.find((one) => one === type);
  if (others.length !== 1 || known === undefined || weights[types.indexOf(type!)] !== 1) {
    const setting = reading.given("lossType") === undefined ? "lossWeights" : "lossType";
    const said = types.map((one, index) => (weights[index] === 1 ? one : `${weights[index]} x ${one}`)).join(" + ");
    reading.lacks(setting, `the loss ${said}: sigmoid takes its place`);
    return undefined;
  }
  draft.set("type", known, reading.given("lossType")?.key);
  if (types.length > 1) draft.set("sftWeight", weights[types.indexOf("sft")]!, reading.given("lossType")!.key);
  return known;
}

/** TRL passes the label smoothing of `sigmoid` over; LLaMA-Factory has a version of TRL that did not. */
function smoothing(reading: Reading, draft: LossDraft, type: DpoType | undefined, isTaken: boolean): void {
  const given = reading.number("smoothing");
  if (given === undefined || given.value === 0) return;
  if (type === "robust" || (type === "sigmoid" && isTaken)) draft.set("labelSmoothing", given.value, given.key);
  else reading.idle("smoothing", `the loss ${type ?? "sigmoid"} takes no notice of it there`);
}

function isReferenceFree(reading: Reading): boolean {
  return reading.isOn("referenceFree");
}

function dpo(reading: Reading, tool: ForeignTool, why: string, types: readonly string[]): LossDraft {
  if (isReferenceFree(reading) && types.join() === "sigmoid") {
    const draft = new LossDraft("cpo", why, reading);
    draft.number("beta", "beta", 0.1);
    draft.number("labelSmoothing", "smoothing", undefined);
    draft.set("nllWeight", 0, reading.given("referenceFree")!.key);
    reading.otherwise("referenceFree", "DPO without a reference is CPO without its loss of tokens");
    return draft;
  }
  if (isReferenceFree(reading)) reading.lacks("referenceFree", `${types.join(" + ")} without a reference`);
  const draft = new LossDraft("dpo", why, reading);
  draft.number("beta", "beta", 0.1);
  const type = dpoTypes(reading, draft, types);
  smoothing(reading, draft, type, tool === "llamafactory");
  const cut = reading.given("truncation");
  if (cut?.value === "keep_end") {
    draft.set("cut", "start", cut.key);
    reading.otherwise("truncation", "as loss.cut");
  }
  return draft;
}

/** SimPO: by TRL's trainer of CPO, with its loss of tokens; LLaMA-Factory has none. */
function simpo(reading: Reading, why: string, nllWeight: number): LossDraft {
  const draft = new LossDraft("simpo", why, reading);
  draft.number("beta", "beta", 0.1);
  draft.number("gamma", "gamma", 0.5);
  draft.number("nllWeight", "nllWeight", nllWeight);
  if ((reading.number("smoothing")?.value ?? 0) > 0) reading.lacks("smoothing", "label smoothing of SimPO");
  return draft;
}

function cpo(reading: Reading, why: string): LossDraft {
  const type = String(reading.given("lossType")?.value ?? "sigmoid");
  if (type === "simpo") return simpo(reading, why, 1);
  if (type !== "sigmoid") reading.lacks("lossType", `the loss ${type} of CPO: sigmoid takes its place`);
  const draft = new LossDraft("cpo", why, reading);
  draft.number("beta", "beta", 0.1);
  draft.number("labelSmoothing", "smoothing", undefined);
  draft.number("nllWeight", "nllWeight", 1);
  return draft;
}

function kto(reading: Reading, why: string): LossDraft {
  const draft = new LossDraft("kto", why, reading);
  draft.number("beta", "beta", 0.1);
  const type = reading.given("lossType");
  if (type?.value === "apo_zero_unpaired") draft.set("type", "apo_zero_unpaired", type.key);
  else if (type !== undefined && type.value !== "kto") reading.lacks("lossType", `the loss ${String(type.value)}`);
  draft.number("desirableWeight", "desirableWeight", undefined);
  draft.number("undesirableWeight", "undesirableWeight", undefined);
  if (type?.value !== "apo_zero_unpaired" && reading.given("accumulation") !== undefined)
    reading.unsaid("kl", "otherwise", "of KTO it is the mean over all rows of a step; there, over those of each pass");
  return draft;
}

function orpo(reading: Reading, why: string): LossDraft {
  const draft = new LossDraft("orpo", why, reading);
  draft.number("beta", "beta", 0.1);
  return draft;
}

/** Names of losses as a list: TRL's newer files have one, older ones a text. */
function typesOf(reading: Reading): readonly string[] {
  const { value } = reading.given("lossType") ?? { value: "sigmoid" };
  return [value].flat().map(String);
}

function axolotlLoss(reading: Reading): LossDraft | undefined {
  const rl = reading.given("loss");
  if (rl === undefined || rl.value === false) return undefined;
  switch (rl.value) {
    case "dpo":
      return dpo(reading, "axolotl", rl.key, typesOf(reading));
    case "ipo":
      return dpo(reading, "axolotl", rl.key, ["ipo"]);
    case "kto":
      return kto(reading, rl.key);
    case "orpo":
      return orpo(reading, rl.key);
    case "simpo":
      return simpo(reading, rl.key, 1);
    default:
      reading.lacks("loss", `${String(rl.value)} is no loss of loratwin`);
      return undefined;
  }
}

function factoryLoss(reading: Reading): LossDraft | undefined {
  const stage = reading.given("loss");
  const type = reading.given("lossType")?.value ?? "sigmoid";
  if (stage?.value === "kto") return kto(reading, stage.key);
  if (stage?.value !== "dpo") {
    if (stage !== undefined && stage.value !== "sft" && stage.value !== "pt")
      reading.lacks("loss", `the stage ${String(stage.value)}`);
    return undefined;
  }
  if (type === "simpo") return simpo(reading, stage.key, 0);
  if (type !== "orpo") return dpo(reading, "llamafactory", stage.key, [String(type)]);
  reading.lacks(
    "lossType",
    "ORPO of LLaMA-Factory adds the mean loss of the answer; here it is that of the prompt, too",
  );
  return orpo(reading, stage.key);
}

function trlLoss(reading: Reading, trainer: Trainer, why: string): LossDraft | undefined {
  switch (trainer) {
    case "sft": {
      const type = reading.given("lossType");
      if (type !== undefined && !["nll", "chunked_nll"].includes(String(type.value)))
        reading.lacks("lossType", `the loss ${String(type.value)}: cross entropy takes its place`);
      return undefined;
    }
    case "dpo":
      return dpo(reading, "trl", why, typesOf(reading));
    case "kto":
      return kto(reading, why);
    case "orpo":
      return orpo(reading, why);
    case "cpo":
      return cpo(reading, why);
  }
}

/** Settings that only a loss has which compares answers. */
const OF_LOSSES = [
  ...["lossType", "lossWeights", "beta", "smoothing", "gamma", "nllWeight", "desirableWeight", "undesirableWeight"],
  ...["referenceFree", "keepsDropout"],
] as readonly Setting[];

/**
 * What answers are compared by; undefined for a file that trains texts. `trainer`: of TRL, and what said so.
 * @throws InputError for numbers that the loss does not take
 */
export function lossPlan(
  reading: Reading,
  tool: ForeignTool,
  trainer: { readonly name: Trainer; readonly why: string },
): LossPlan | undefined {
  const draft =
    tool === "axolotl"
      ? axolotlLoss(reading)
      : tool === "llamafactory"
        ? factoryLoss(reading)
        : tool === "trl"
          ? trlLoss(reading, trainer.name, trainer.why)
          : undefined;
  if (draft === undefined) {
    const cut = reading.given("truncation");
    if (cut !== undefined && cut.value !== "keep_start") reading.lacks("truncation", "the start of a long row is cut");
    if (tool !== "trl") for (const setting of OF_LOSSES) reading.idle(setting, "nothing compares answers");
    return undefined;
  }
  const keeps = reading.given("keepsDropout");
  const order = reading.given("order");
  return {
    ...{ loss: draft.loss, lines: draft.lines },
    isWithoutDropout: keeps?.value !== false,
    isOrdered: draft.loss.kind === "kto" && tool !== "llamafactory" && order === undefined,
  };
}
