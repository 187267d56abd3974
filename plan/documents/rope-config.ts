import { canonicalJson, isMapping, type Mapping } from "../../core/index.ts";
import { MOST, type RopeScaling } from "./architecture.ts";
import { unsupported } from "./model-features.ts";

/** How positions turn queries and keys. */
export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling | undefined;
  /** Share of a head's columns that are turned. */
  readonly partial: number;
}

/** What a family takes where its configuration does not say. Source: the configuration classes of transformers. */
export interface RopeDefaults {
  readonly theta: number;
  readonly partial: number;
  /** Whether a scaling that is called `yarn` or `su` is `longrope` (Phi-3). */
  readonly isLong: boolean;
}

/** What each kind of scaling reads of its table, and what it passes over. Any other key may mean anything. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  default: ["original_max_position_embeddings"],
  linear: ["factor", "original_max_position_embeddings"],
  llama3: ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
  yarn: [
    ...["factor", "beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim", "truncate"],
    "original_max_position_embeddings",
  ],
  longrope: ["short_factor", "long_factor", "factor", "attention_factor", "original_max_position_embeddings"],
};
const KINDS = '"default", "linear", "llama3", "yarn" or "longrope"';
const ALWAYS = ["rope_theta", "rope_type", "type", "partial_rotary_factor"];

type Bounds = readonly [low: number, high: number];
const FACTOR: Bounds = [1, MOST.scaling];
const POSITIVE: Bounds = [1 / MOST.scaling, MOST.scaling];

/** @throws InputError */
function figure(table: Mapping, at: string, key: string, [low, high]: Bounds): number {
  const value = table[key];
  if (typeof value !== "number" || !(value >= low && value <= high))
    throw unsupported(`a number of ${low} to ${high}`, `${at}.${key}`, value);
  return value;
}

function optionalFigure(table: Mapping, at: string, key: string, bounds: Bounds): number | undefined {
  return (table[key] ?? undefined) === undefined ? undefined : figure(table, at, key, bounds);
}

function kindOf(table: Mapping, at: string, { isLong }: RopeDefaults): string {
  const [newer, older] = [table["rope_type"] ?? undefined, table["type"] ?? undefined];
  if (newer !== undefined && older !== undefined && newer !== older)
    throw unsupported(`${JSON.stringify(newer)}, as ${at}.rope_type has it,`, `${at}.type`, older);
  const named = newer ?? older ?? "default";
  const kind = isLong && (named === "yarn" || named === "su") ? "longrope" : named;
  if (typeof kind !== "string" || !Object.hasOwn(KEYS, kind)) throw unsupported(KINDS, `${at}.rope_type`, kind);
  const other = Object.keys(table).find((key) => !ALWAYS.includes(key) && !KEYS[kind]!.includes(key));
  if (other === undefined) return kind;
  if (newer === undefined && older === undefined)
    throw unsupported(`${KINDS}, which is missing,`, `${at}.rope_type`, Object.keys(table));
  throw unsupported(`no such key of a ${JSON.stringify(kind)} scaling`, `${at}.${other}`, table[other]);
}

const ORIGINAL = "original_max_position_embeddings";

function wholePositions(table: Mapping, at: string): number {
  const value = figure(table, at, ORIGINAL, [1, MOST.positions]);
  if (!Number.isInteger(value)) throw unsupported("a whole number", `${at}.${ORIGINAL}`, value);
  return value;
}

/** `original_max_position_embeddings` may stand beside the table, too, or there alone. */
function originalPositions(table: Mapping, at: string, config: Mapping): number {
  const beside = config[ORIGINAL] ?? undefined;
  if ((table[ORIGINAL] ?? undefined) === undefined && beside !== undefined)
    return wholePositions(config, "config.json");
  const value = wholePositions(table, at);
  if (beside !== undefined && beside !== value) throw unsupported(`${value}, as in ${at},`, ORIGINAL, beside);
  return value;
}

/** Source: Peng et al. 2023 (YaRN), section 3.4, with the two exponents of DeepSeek-V2. */
function yarnOf(table: Mapping, at: string, config: Mapping): RopeScaling {
  const factor = figure(table, at, "factor", FACTOR);
  const attention = (exponent = 1): number => (factor <= 1 ? 1 : 0.1 * exponent * Math.log(factor) + 1);
  const given = optionalFigure(table, at, "attention_factor", POSITIVE);
  const [over, under] = ["mscale", "mscale_all_dim"].map((key) => optionalFigure(table, at, key, POSITIVE));
  const both = over !== undefined && under !== undefined;
  const truncate = table["truncate"] ?? true;
  if (typeof truncate !== "boolean") throw unsupported("true or false", `${at}.truncate`, truncate);
  const isGiven = (table[ORIGINAL] ?? config[ORIGINAL] ?? undefined) !== undefined;
  return {
    ...{ type: "yarn", factor, truncate },
    originalMaxPositions: isGiven
      ? originalPositions(table, at, config)
      : (config["max_position_embeddings"] as number),
    betaFast: optionalFigure(table, at, "beta_fast", POSITIVE) ?? 32,
    betaSlow: optionalFigure(table, at, "beta_slow", POSITIVE) ?? 1,
    attentionFactor: given ?? (both ? attention(over) / attention(under) : attention()),
  };
}

function factorsOf(table: Mapping, at: string, key: string): number[] {
  const value = table[key];
  const isFactor = (each: unknown): boolean => typeof each === "number" && each > 0 && each <= MOST.scaling;
  if (!Array.isArray(value) || !value.every(isFactor))
    throw unsupported("a list of positive numbers", `${at}.${key}`, value);
  return value as number[];
}

/**
 * The length behind which the long factors hold: of Phi-3 the one beside the table, which its class has where the
 * configuration does not; of the others that too if it is there.
 */
function longFrom(table: Mapping, at: string, config: Mapping, { isLong }: RopeDefaults): number {
  if ((config[ORIGINAL] ?? undefined) !== undefined) return wholePositions(config, "config.json");
  if (!isLong) return wholePositions(table, at);
  const inside = table[ORIGINAL] ?? PHI_3_ORIGINAL;
  if (inside !== PHI_3_ORIGINAL) throw unsupported(`${inside}, as in ${at},`, ORIGINAL, PHI_3_ORIGINAL);
  return PHI_3_ORIGINAL;
}

const PHI_3_ORIGINAL = 4096;

/** Source: Ding et al. 2024 (LongRoPE), as transformers reads it. */
function longropeOf(table: Mapping, at: string, config: Mapping, defaults: RopeDefaults): RopeScaling {
  const originalMaxPositions = longFrom(table, at, config, defaults);
  const ratio = (config["max_position_embeddings"] as number) / originalMaxPositions;
  const [factor = ratio, given] = ["factor", "attention_factor"].map((key) => optionalFigure(table, at, key, POSITIVE));
  // With a length beside the table version 4 takes the quotient, and 5 the factor.
  if (given === undefined && factor !== ratio && (config[ORIGINAL] ?? undefined) !== undefined)
    throw unsupported(`${ratio}, as max_position_embeddings and ${ORIGINAL} have it,`, `${at}.factor`, factor);
  const attention = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions));
  return {
    ...{ type: "longrope", originalMaxPositions },
    shortFactors: factorsOf(table, at, "short_factor"),
    longFactors: factorsOf(table, at, "long_factor"),
    attentionFactor: given ?? attention,
  };
}

function scalingOf(table: Mapping, at: string, config: Mapping, defaults: RopeDefaults): RopeScaling | undefined {
  const kind = kindOf(table, at, defaults);
  if (kind === "default") return undefined;
  if (kind === "yarn") return yarnOf(table, at, config);
  if (kind === "longrope") return longropeOf(table, at, config, defaults);
  const factor = figure(table, at, "factor", FACTOR);
  if (kind === "linear") return { type: "linear", factor };
  const lowFreqFactor = figure(table, at, "low_freq_factor", POSITIVE);
  const highFreqFactor = figure(table, at, "high_freq_factor", POSITIVE);
  if (highFreqFactor <= lowFreqFactor)
    throw unsupported(`more than low_freq_factor (${lowFreqFactor})`, `${at}.high_freq_factor`, highFreqFactor);
  const originalMaxPositions = originalPositions(table, at, config);
  return { type: "llama3", factor, lowFreqFactor, highFreqFactor, originalMaxPositions };
}

/** How much of a head is turned: beside the table (transformers 4) or in it (5). */
function partialOf(table: Mapping, at: string, config: Mapping, { partial }: RopeDefaults): number {
  const key = "partial_rotary_factor";
  const [inside, beside] = [table[key] ?? undefined, config[key] ?? undefined];
  if (inside !== undefined && beside !== undefined && inside !== beside)
    throw unsupported(`${beside}, as ${key} has it,`, `${at}.${key}`, inside);
  const value = inside ?? beside ?? partial;
  // Families that do not read it turn whole heads.
  const where = inside === undefined ? key : `${at}.${key}`;
  if (typeof value !== "number" || !(value > 0 && value <= 1)) throw unsupported("a number up to 1", where, value);
  return value;
}

/** A table of rotary positions; its base is `beside` where it has none of its own. @throws InputError */
export function ropeOfTable(
  config: Mapping,
  table: Mapping,
  at: string,
  beside: unknown,
  defaults: RopeDefaults,
): Rope {
  const own = table["rope_theta"] ?? undefined;
  const theta = own === undefined ? (beside ?? defaults.theta) : figure(table, at, "rope_theta", [1, MOST.theta]);
  if (own !== undefined && beside !== undefined && own !== beside)
    throw unsupported(`${beside}, as rope_theta has it,`, `${at}.rope_theta`, own);
  const scaling = scalingOf(table, at, config, defaults);
  return { theta: theta as number, scaling, partial: partialOf(table, at, config, defaults) };
}

/** A table of a configuration; undefined where it is not there. @throws InputError for what is none */
export function tableOf(config: Mapping, at: string): Mapping | undefined {
  const table = config[at] ?? undefined;
  if (table !== undefined && !isMapping(table)) throw unsupported("a mapping", at, table);
  return table as Mapping | undefined;
}

/**
 * Rotary positions as a configuration has them: in `rope_scaling` with the base beside it (transformers 4), or in
 * `rope_parameters` with the base in it (transformers 5). Where both are there they have to say the same: version 4 reads
 * the first, and what version 5 makes of two that differ is neither.
 * @throws InputError for a scaling that is not supported, a key that is not known, and what contradicts itself
 */
export function ropeOf(config: Mapping, defaults: RopeDefaults): Rope {
  const beside = config["rope_theta"] ?? undefined;
  const read = (at: string): Rope | undefined => {
    const table = tableOf(config, at);
    return table === undefined ? undefined : ropeOfTable(config, table, at, beside, defaults);
  };
  const [older, newer] = [read("rope_scaling"), read("rope_parameters")];
  if (older !== undefined && newer !== undefined && canonicalJson(older) !== canonicalJson(newer))
    throw unsupported("the same as in rope_scaling", "rope_parameters", config["rope_parameters"]);
  return newer ?? older ?? ropeOfTable(config, {}, "config.json", beside, defaults);
}
