import { canonicalJson, isMapping, type Mapping } from "../../core/index.ts";
import { MOST, type RopeScaling } from "./architecture.ts";
import { unsupported } from "./model-features.ts";

/** How positions turn queries and keys. */
export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling | undefined;
}

/** What each kind of scaling reads of its table, and what it passes over. Any other key may mean anything. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  default: [],
  linear: ["factor", "original_max_position_embeddings"],
  llama3: ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
};
const KINDS = '"default", "linear" or "llama3"';
const ALWAYS = ["rope_theta", "rope_type", "type", "partial_rotary_factor"];

/** @throws InputError */
function figure(table: Mapping, at: string, key: string, [low, high]: readonly [number, number]): number {
  const value = table[key];
  if (typeof value !== "number" || !(value >= low && value <= high))
    throw unsupported(`a number of ${low} to ${high}`, `${at}.${key}`, value);
  return value;
}

function kindOf(table: Mapping, at: string): string {
  const [newer, older] = [table["rope_type"] ?? undefined, table["type"] ?? undefined];
  if (newer !== undefined && older !== undefined && newer !== older)
    throw unsupported(`${JSON.stringify(newer)}, as ${at}.rope_type has it,`, `${at}.type`, older);
  const kind = newer ?? older ?? "default";
  if (typeof kind !== "string" || !Object.hasOwn(KEYS, kind)) throw unsupported(KINDS, `${at}.rope_type`, kind);
  const other = Object.keys(table).find((key) => !ALWAYS.includes(key) && !KEYS[kind]!.includes(key));
  if (other === undefined) return kind;
  if (newer === undefined && older === undefined)
    throw unsupported(`${KINDS}, which is missing,`, `${at}.rope_type`, Object.keys(table));
  throw unsupported(`no such key of a ${JSON.stringify(kind)} scaling`, `${at}.${other}`, table[other]);
}

/** `original_max_position_embeddings` may stand beside the table, too. */
function originalPositions(table: Mapping, at: string, config: Mapping): number {
  const key = "original_max_position_embeddings";
  const value = figure(table, at, key, [1, MOST.positions]);
  if (!Number.isInteger(value)) throw unsupported("a whole number", `${at}.${key}`, value);
  const beside = config[key] ?? value;
  if (beside !== value) throw unsupported(`${value}, as in ${at},`, key, beside);
  return value;
}

function scalingOf(table: Mapping, at: string, config: Mapping): RopeScaling | undefined {
  const partial = table["partial_rotary_factor"] ?? 1;
  if (partial !== 1) throw unsupported("no more than 1", `${at}.partial_rotary_factor`, partial);
  const kind = kindOf(table, at);
  if (kind === "default") return undefined;
  const factor = figure(table, at, "factor", [1, MOST.scaling]);
  if (kind === "linear") return { type: "linear", factor };
  const lowFreqFactor = figure(table, at, "low_freq_factor", [1 / MOST.scaling, MOST.scaling]);
  const highFreqFactor = figure(table, at, "high_freq_factor", [1 / MOST.scaling, MOST.scaling]);
  if (highFreqFactor <= lowFreqFactor)
    throw unsupported(`more than low_freq_factor (${lowFreqFactor})`, `${at}.high_freq_factor`, highFreqFactor);
  return {
    type: "llama3",
    factor,
    lowFreqFactor,
    highFreqFactor,
    originalMaxPositions: originalPositions(table, at, config),
  };
}

/** One of the two tables; its base is `beside` where it has none of its own. */
function ropeOfTable(config: Mapping, at: string, beside: unknown): Rope | undefined {
  const table = config[at] ?? undefined;
  if (table === undefined) return undefined;
  if (!isMapping(table)) throw unsupported("a mapping", at, table);
  const own = table["rope_theta"] ?? undefined;
  const theta = own === undefined ? (beside ?? DEFAULT_THETA) : figure(table, at, "rope_theta", [1, MOST.theta]);
  if (own !== undefined && beside !== undefined && own !== beside)
    throw unsupported(`${beside}, as rope_theta has it,`, `${at}.rope_theta`, own);
  return { theta: theta as number, scaling: scalingOf(table, at, config) };
}

/** Of all families that are supported. Source: their configuration classes in transformers. */
const DEFAULT_THETA = 10_000;

/**
 * Rotary positions as a configuration has them: in `rope_scaling` with the base beside it (transformers 4), or in
 * `rope_parameters` with the base in it (transformers 5). Where both are there they have to say the same: version 4 reads
 * the first, and what version 5 makes of two that differ is neither.
 * @throws InputError for a scaling that is not supported, a key that is not known, and what contradicts itself
 */
export function ropeOf(config: Mapping): Rope {
  const beside = config["rope_theta"] ?? undefined;
  const older = ropeOfTable(config, "rope_scaling", beside);
  const newer = ropeOfTable(config, "rope_parameters", beside);
  if (older !== undefined && newer !== undefined && canonicalJson(older) !== canonicalJson(newer))
    throw unsupported("the same as in rope_scaling", "rope_parameters", config["rope_parameters"]);
  return newer ?? older ?? { theta: (beside ?? DEFAULT_THETA) as number, scaling: undefined };
}
