import { InputError } from "../core/index.ts";
import { readWholeText } from "../files/index.ts";
import {
  type AdapterSite,
  type AdapterSpec,
  type Architecture,
  isOfMixture,
  layerProjections,
  loraSites,
  modulePattern,
  placeError,
  projectionPath,
  readText,
} from "../plan/index.ts";
import { asParameters } from "./peft-each-expert.ts";

/** Starts of an adapter for which PEFT changes the base. Source: LoraLayer.update_layer, peft 0.21. */
export const CHANGES_BASE = /^(?:pissa|corda|olora|loftq|lora_ga)/i;

/** Keys of other forms of LoRA. Source: LoraConfig, peft 0.21. */
export const OTHER_FORMS = [
  ...["fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora", "alora_invocation_tokens"],
  ...["arrow_config", "monteclora_config", "velora_config", "kasa_config", "layer_replication"],
];

/** Modules of a model, of those that may have an adapter, that `target_modules` names; undefined where it is wrong. */
function namedModules(targets: unknown, modules: readonly string[]): readonly string[] | undefined {
  if (targets === "all-linear") return modules;
  if (typeof targets === "string") {
    // PEFT takes a text as a regular expression over the whole name.
    const whole = modulePattern(targets);
    return whole === undefined ? undefined : modules.filter((name) => whole.test(name));
  }
  if (!Array.isArray(targets)) return undefined;
  const isNamed = (name: string, target: unknown): boolean => name === target || name.endsWith(`.${String(target)}`);
  if (!targets.every((target) => modules.some((name) => isNamed(name, target)))) return undefined;
  return modules.filter((name) => targets.some((target) => isNamed(name, target)));
}

/** `rank_pattern` or `alpha_pattern`; undefined where it is none. */
export function patternOf(value: unknown): Readonly<Record<string, number>> | undefined {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  return Object.values(value).every((each) => typeof each === "number") ? (value as Record<string, number>) : undefined;
}

/** `trainable_token_indices` of the embedding, as a list or by the module's name; none where it is null or empty. */
export function tokenIndices(value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value;
  const [[name, own] = [], ...others] = Object.entries(value);
  return others.length === 0 && (name === "embed_tokens" || name === "model.embed_tokens") ? own : value;
}

/** The sites of the job's adapter, with what a number and its pattern have for them as their alpha. */
function givenSites(
  value: unknown,
  alphaPattern: Readonly<Record<string, number>>,
  { rank, targets }: AdapterSpec,
  arch: Architecture,
): readonly AdapterSite[] {
  return loraSites({ rank, targets, alpha: typeof value === "number" ? value : Number.NaN, alphaPattern }, arch);
}

/**
 * Whether a PEFT configuration is of the job's adapter; its `trainable_token_indices` in the order of the rows.
 * @throws InputError with the first key that is not
 */
export function checkPeftConfig(file: string, spec: AdapterSpec, arch: Architecture): readonly number[] {
  const source = readText(readWholeText(file), file);
  if (typeof source.value !== "object" || source.value === null)
    throw new InputError({ expected: "a PEFT adapter configuration", file, got: source.value });
  const config = asParameters(source.value as Readonly<Record<string, unknown>>, arch);
  const refuse = (expected: string, at: string, hint?: string): never => {
    const facts = { expected, at, got: config[at], ...(hint === undefined ? {} : { hint }) };
    throw placeError(new InputError(facts), source);
  };
  if (config["peft_type"] !== "LORA") refuse('"LORA"', "peft_type");
  const sites = loraSites(spec, arch);
  for (const [own, key, pattern] of [
    ["rank", "r", "rank_pattern"],
    ["alpha", "lora_alpha", "alpha_pattern"],
  ] as const) {
    const patterns = patternOf(config[pattern]) ?? refuse("numbers by modules", pattern);
    const at = Object.keys(patterns).length === 0 ? key : pattern;
    const known = givenSites(config[key], patterns, spec, arch);
    // Which of several keys PEFT went by when it made the adapter, its sorted file does not say: the matrices do.
    if (own === "rank" && at === pattern) continue;
    const other = sites.find((site, index) => site[own] !== known[index]!.alpha);
    if (other === undefined) continue;
    const isOne = at === key && Object.keys(spec[`${own}Pattern`] ?? {}).length === 0;
    const of = isOne ? "" : ` for ${projectionPath(arch, other.layer, other.projection)}`;
    const hint = isOne ? undefined : `Write \`adapter: { ${own}Pattern: ${JSON.stringify(patterns)} }\`.`;
    refuse(`${other[own]}${of}, as the job's adapter has it,`, at, hint);
  }
  for (const form of ["rslora", "dora"] as const) {
    const isOn = config[`use_${form}`] === true;
    if (isOn === (spec[form] === true)) continue;
    refuse(
      `${!isOn}, as the job's adapter has it,`,
      `use_${form}`,
      isOn ? `Write \`adapter: { ${form}: true }\`.` : `Leave \`adapter.${form}\` out.`,
    );
  }
  for (const key of OTHER_FORMS) {
    const value = config[key];
    if (value !== undefined && value !== null && value !== false) refuse("a plain LoRA adapter", key);
  }
  // PEFT has the adapter of a tied head on the embeddings, too.
  if (config["ensure_weight_tying"] === true && arch.tiedEmbeddings && spec.targets.includes("lm_head"))
    refuse("false: an adapter on the head alone", "ensure_weight_tying");
  const start = config["init_lora_weights"];
  if (typeof start === "string" && CHANGES_BASE.test(start))
    refuse(
      "an adapter on the base as it is",
      "init_lora_weights",
      "Let PEFT convert it: save_pretrained(FOLDER, path_initial_model_for_weight_conversion=START).",
    );
  for (const key of ["modules_to_save", "layers_to_transform", "exclude_modules"]) {
    const value = config[key];
    if (value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0))
      refuse("null: an adapter on all layers, and nothing else,", key);
  }
  const { trainableTokens } = spec;
  const given = tokenIndices(config["trainable_token_indices"]);
  const tokens = Array.isArray(given) ? given.toSorted((a, b) => a - b) : given;
  if (JSON.stringify(tokens) !== JSON.stringify(trainableTokens))
    refuse(
      trainableTokens === undefined
        ? "null, as the job's adapter has no trainableTokens,"
        : `the job's trainableTokens (${trainableTokens.join(", ")})`,
      "trainable_token_indices",
      Array.isArray(tokens) ? `Write \`adapter: { trainableTokens: [${tokens.join(", ")}] }\`.` : undefined,
    );
  const bias = config["bias"];
  if (bias !== undefined && bias !== null && bias !== "none") refuse('"none"', "bias");
  const inLayers = Array.from({ length: arch.numLayers }, (_, layer) =>
    layerProjections(arch, layer).map((projection) => ({ layer, projection })),
  ).flat();
  const head = { layer: arch.numLayers - 1, projection: "lm_head" as const };
  const check = (key: "target_modules" | "target_parameters", isParameter: boolean): void => {
    const pathsOf = (of: readonly Pick<AdapterSite, "layer" | "projection">[]): readonly string[] =>
      of
        .filter(({ projection }) => isOfMixture(projection) === isParameter)
        .map(({ layer, projection }) => projectionPath(arch, layer, projection));
    const own = pathsOf(sites);
    // To PEFT the head is no linear layer.
    const all = config[key] === "all-linear" ? inLayers : [...inLayers, head];
    const named = namedModules(config[key] ?? [], pathsOf(all));
    if (named?.length !== own.length || !own.every((name) => named.includes(name)))
      refuse(`the job's targets (${[...spec.targets].sort().join()})`, key);
  };
  check("target_modules", false);
  if (arch.experts !== undefined || config["target_parameters"] !== undefined) check("target_parameters", true);
  return trainableTokens === undefined ? [] : (given as readonly number[]);
}
