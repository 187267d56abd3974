import { InputError } from "../../core/index.ts";
import type { Architecture } from "./architecture.ts";
import { comparesWithStart, hasReference, type LossSpec } from "./loss.ts";
import {
  copiesOf,
  halfOf,
  hasProjection,
  isOfMixture,
  PROJECTIONS,
  type Projection,
  targetsOn,
} from "./projections.ts";
import type { AdapterSpec } from "./workload.ts";

/** The parameter of a layer that a projection of a mixture is, in a model as transformers has it in memory. */
export function parameterName({ experts }: Architecture, projection: Projection): string {
  if (projection === "router") return `mlp.${experts?.stored === "stacked" ? "router" : "gate"}.weight`;
  return `mlp.${projection.replace("_", ".")}`;
}

/**
 * Where a projection of a layer is in a model: its name in a checkpoint, without `.weight`; of a mixture that of its
 * parameter.
 */
export function projectionPath(arch: Architecture, layer: number, projection: Projection): string {
  if (projection === "lm_head") return projection;
  if (projection === "embed_tokens") return "model.embed_tokens";
  if (isOfMixture(projection)) return `model.layers.${layer}.${parameterName(arch, projection)}`;
  const blocks = { attention: "self_attn", mlp: arch.layerNames?.mlp ?? "mlp" };
  return `model.layers.${layer}.${blocks[halfOf(projection)]}.${projection}`;
}

/** A projection of a layer that an adapter is on: A is [rank, in], B [out, rank], for each expert where it has any. */
export interface AdapterSite {
  readonly layer: number;
  readonly projection: Projection;
  readonly rank: number;
  readonly alpha: number;
  /** What B A x is multiplied by. */
  readonly scale: number;
  /** 1 where it is no projection of experts. */
  readonly experts: number;
  /** Whether each of its outputs has a magnitude. */
  readonly dora: boolean;
  /** Of the embedding, the tokens whose rows are A, as many as its rank: there is no B. */
  readonly tokens?: readonly number[];
}

/** What of an adapter its sites follow from. */
export type SitedAdapter = Pick<
  AdapterSpec,
  "rank" | "alpha" | "targets" | "rslora" | "dora" | "rankPattern" | "alphaPattern" | "trainableTokens"
>;

/** Letters of a module's name, about, and the most ways in which an expression may try to match one. */
const NAME_LETTERS = 48;
const MOST_WAYS = 1e5;

/** Ways in which an expression can match a name at the most: by each repetition, option and choice; all of a few letters. */
function waysOf(text: string): number {
  // What is escaped, or in brackets, is one letter.
  const plain = text.replace(/\\./g, "x").replace(/\[[^\][]*\]/g, "x");
  // A repeated group may match a name in more ways than can be told.
  if (/\)[*+{]/.test(plain)) return Number.POSITIVE_INFINITY;
  const repeated = plain.match(/[*+{]/g)?.length ?? 0;
  const options = plain.match(/(?<![*+}(])\?/g)?.length ?? 0;
  const choices = plain.split(/[()]/).map((part) => part.split("|").length);
  let ways = 2 ** options;
  for (let count = 1; count <= repeated; count += 1) ways *= NAME_LETTERS / count;
  return choices.reduce((product, count) => product * count, ways);
}

/**
 * A text as a regular expression over the whole of a module's name; undefined where it is none, or one that may take
 * long.
 */
export function modulePattern(text: string): RegExp | undefined {
  if (text.length > 4096 || waysOf(text) > MOST_WAYS) return undefined;
  try {
    return new RegExp(`^(?:${text})$`);
  } catch {
    return undefined;
  }
}

function keyPattern(key: string): RegExp | undefined {
  return modulePattern(`(?:.*\\.)?(?:${key})`);
}

/**
 * What a pattern has for each module. A key is a regular expression for the end of a name, from its start or from behind a
 * dot; of several the first counts. PEFT's files have the keys sorted, so they are tried in that order.
 * Source: get_pattern_key of peft 0.21.
 */
export function patternAt(pattern: Readonly<Record<string, number>> = {}): (path: string) => number | undefined {
  const entries = Object.keys(pattern)
    .sort()
    .map((key) => [keyPattern(key), pattern[key]!] as const);
  return (path) => entries.find(([matches]) => matches?.test(path) === true)?.[1];
}

/** Of a model: the sites of adapters, and of all that are alike. */
interface KnownSites {
  readonly of: WeakMap<SitedAdapter, readonly AdapterSite[]>;
  readonly alike: Map<string, readonly AdapterSite[]>;
}

const known = new WeakMap<Architecture, KnownSites>();
/** Kinds of adapters whose sites are kept for a model: a live fleet may see many. */
const MOST_ALIKE = 256;

/**
 * All sites of an adapter on a model, in the order of its flat layout: by layer, then in the order of projections; one
 * list for adapters that are alike.
 */
export function adapterSites(adapter: SitedAdapter, arch: Architecture): readonly AdapterSite[] {
  const { of, alike } = known.get(arch) ?? { of: new WeakMap(), alike: new Map() };
  known.set(arch, { of, alike });
  const before = of.get(adapter);
  if (before !== undefined) return before;
  const { rank, alpha, targets, rslora, dora, rankPattern, alphaPattern, trainableTokens } = adapter;
  const kind = JSON.stringify([rank, alpha, targets, rslora, dora, rankPattern, alphaPattern, trainableTokens]);
  const sites = alike.get(kind) ?? newSites(adapter, arch);
  of.set(adapter, sites);
  if (alike.size === MOST_ALIKE) alike.clear();
  alike.set(kind, sites);
  return sites;
}

/** The rows of the embedding that an adapter has. */
function tokenSites({ trainableTokens: tokens }: SitedAdapter): readonly AdapterSite[] {
  if (tokens === undefined) return [];
  const rank = tokens.length;
  return [{ layer: 0, projection: "embed_tokens", rank, alpha: rank, scale: 1, experts: 1, dora: false, tokens }];
}

function newSites(adapter: SitedAdapter, arch: Architecture): readonly AdapterSite[] {
  const [rankAt, alphaAt] = [patternAt(adapter.rankPattern), patternAt(adapter.alphaPattern)];
  const targets = PROJECTIONS.filter((projection) => adapter.targets.includes(projection));
  const inLayers = Array.from({ length: arch.numLayers }, (_, layer) =>
    targets
      .filter((of) => (of === "lm_head" ? layer === arch.numLayers - 1 : hasProjection(arch, layer, of)))
      .map((projection): AdapterSite => {
        const path = projectionPath(arch, layer, projection);
        const rank = rankAt(path) ?? adapter.rank;
        const alpha = alphaAt(path) ?? adapter.alpha;
        const scale = alpha / (adapter.rslora === true ? Math.sqrt(rank) : rank);
        const dora = adapter.dora === true;
        return { layer, projection, rank, alpha, scale, experts: copiesOf(arch, projection), dora };
      }),
  );
  return [...tokenSites(adapter), ...inLayers.flat()];
}

/** Those of A and B, without rows of the embedding. */
export function loraSites(adapter: SitedAdapter, arch: Architecture): readonly AdapterSite[] {
  return adapterSites(adapter, arch).filter(({ tokens }) => tokens === undefined);
}

/** The largest rank of an adapter on each projection, and of rows of the embedding their number; none where it has no adapter. */
export function largestRanks(adapter: SitedAdapter, arch: Architecture): Partial<Record<Projection, number>> {
  const ranks: Partial<Record<Projection, number>> = {};
  for (const { projection, rank } of adapterSites(adapter, arch))
    ranks[projection] = Math.max(rank, ranks[projection] ?? 0);
  return ranks;
}

/** @throws InputError at a key of a pattern that no target matches */
function checkPatterns(adapter: SitedAdapter, arch: Architecture): void {
  const paths = loraSites(adapter, arch).map(({ layer, projection }) => projectionPath(arch, layer, projection));
  for (const at of ["rankPattern", "alphaPattern"] as const)
    for (const key of Object.keys(adapter[at] ?? {})) {
      if (keyPattern(key) === undefined)
        throw new InputError({
          expected: "regular expressions of JavaScript, without repeated groups and with few choices and repetitions,",
          at,
          got: key,
        });
      const matches = patternAt({ [key]: 1 });
      if (!paths.some((path) => matches(path) !== undefined))
        throw new InputError({
          expected: "only keys that match a target",
          at,
          got: key,
          hint: `A key is the end of a target's name from a dot on, such as ${paths[0]}, or an expression for it.`,
        });
    }
}

/** The pattern by which PEFT doubles rank and alpha of experts' gate and up, which are one matrix. */
export const GATE_UP_PATTERN = ".*\\.gate_up_proj";

/**
 * Targets of an MLP on a model whose MLPs are experts, as PEFT takes them: gate and up are one parameter then, for which
 * rank and alpha are twice the adapter's. @throws InputError for one of gate and up without the other
 */
function onExperts<A extends SitedAdapter>(adapter: A, { experts }: Architecture): A {
  const { rank, alpha, targets, rankPattern, alphaPattern } = adapter;
  const named = new Set(targets);
  if (experts === undefined || !(named.has("gate_proj") || named.has("up_proj") || named.has("down_proj")))
    return adapter;
  const hasGate = named.has("gate_proj");
  if (hasGate !== named.has("up_proj"))
    throw new InputError({
      expected: "gate_proj and up_proj together, which are one matrix of each expert,",
      at: "targets",
      got: hasGate ? "gate_proj" : "up_proj",
    });
  const others = targets.filter((target) => !["gate_proj", "up_proj", "down_proj"].includes(target));
  return {
    ...adapter,
    targets: [
      ...others,
      ...(hasGate ? (["experts_gate_up_proj"] as const) : []),
      ...(named.has("down_proj") ? (["experts_down_proj"] as const) : []),
    ],
    ...(hasGate
      ? {
          rankPattern: { [GATE_UP_PATTERN]: 2 * rank, ...rankPattern },
          alphaPattern: { [GATE_UP_PATTERN]: 2 * alpha, ...alphaPattern },
        }
      : {}),
  };
}

/** @throws InputError for magnitudes where PEFT has none, or nobody here computes them */
function checkMagnitudes({ dora, targets }: SitedAdapter): void {
  const other = targets.find((target) => target === "lm_head" || isOfMixture(target));
  if (dora !== true || other === undefined) return;
  throw new InputError({
    expected: "false for an adapter on the head, experts or a router",
    at: "dora",
    got: true,
    hint: `Leave ${other} out of the targets, or dora out of the adapter.`,
  });
}

/** @throws InputError for a start as reference where there is none */
function checkReference({ adapter, loss }: JobOn): void {
  if (adapter.init !== undefined || !comparesWithStart(loss)) return;
  throw new InputError({
    expected: "base where the job has no adapter.init",
    at: "loss.reference",
    got: "init",
    hint: "An adapter without adapter.init starts as the base.",
  });
}

/** @throws InputError for losses whose gradient is scaled behind the head: that of adapters on it would not be */
function checkOnHead({ adapter, loss }: JobOn): void {
  if (loss === undefined || !adapter.targets.includes("lm_head")) return;
  throw new InputError({
    expected: "an adapter beside the head, since the job compares answers,",
    at: "targets",
    got: "lm_head",
    hint: "Leave lm_head out of the targets, or loss out of the job.",
  });
}

/** @throws InputError for rows that the embedding does not have, or that a tied head cannot have */
function checkTokens({ adapter, loss }: JobOn, arch: Architecture): void {
  const { trainableTokens: tokens, targets } = adapter;
  if (tokens === undefined) return;
  const at = "trainableTokens";
  const { vocabularySize } = arch;
  const other = tokens.find((token) => token >= vocabularySize);
  if (other !== undefined)
    throw new InputError({
      expected: `ids below ${vocabularySize}, the rows of the model's embedding,`,
      at,
      got: other,
      hint: "Add rows to the base model first: transformers' model.resize_token_embeddings(N), then save_pretrained.",
    });
  if (!arch.tiedEmbeddings) return;
  // The head has the rows too.
  if (targets.includes("lm_head"))
    throw new InputError({
      expected: "no lm_head beside trainableTokens on a model whose head is its embedding",
      at: "targets",
      got: "lm_head",
      hint: "Leave one of them out.",
    });
  if (loss !== undefined)
    throw new InputError({
      expected: "no trainableTokens on a model whose head is its embedding, since the job compares answers,",
      at,
      got: tokens,
      hint: "Leave trainableTokens out of the adapter, or loss out of the job.",
    });
}

interface JobOn {
  readonly adapter: SitedAdapter & { readonly dropout?: number; readonly init?: string | undefined };
  readonly loss?: LossSpec | undefined;
}

/** @throws InputError for what mixtures of experts cannot have */
function checkOnExperts({ adapter, loss }: JobOn, { experts }: Architecture): void {
  const { dropout = 0, targets } = adapter;
  if (dropout > 0 && targets.some(isOfMixture))
    throw new InputError({
      expected: "0 for an adapter on experts or a router",
      at: "adapter.dropout",
      got: dropout,
      hint: "PEFT has no dropout there either.",
    });
  if (experts !== undefined && loss !== undefined && hasReference(loss))
    throw new InputError({
      expected: "a loss without answers of the base on a model with experts",
      at: "loss.kind",
      got: loss.kind,
      hint: "Such answers have no backward, and experts keep all rows together. CPO, SimPO and ORPO do without them.",
    });
}

function inAdapter(error: InputError): InputError {
  const { at = "" } = error.facts;
  return at.startsWith("adapter.") || at.startsWith("loss.")
    ? error
    : new InputError({ ...error.facts, at: `adapter.${at}` }, { cause: error });
}

/** Jobs with the targets that their adapters have on the model. @throws InputError by a job's place */
export function jobsOn<J extends JobOn>(arch: Architecture, jobs: readonly J[]): J[] {
  return jobs.map((job, index) => {
    try {
      const named = onExperts(job.adapter, arch);
      const adapter = { ...named, targets: targetsOn(arch, named.targets) };
      checkPatterns(adapter, arch);
      checkMagnitudes(adapter);
      checkReference(job);
      checkOnExperts({ ...job, adapter }, arch);
      checkOnHead({ ...job, adapter });
      checkTokens({ ...job, adapter }, arch);
      return { ...job, adapter };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const own = inAdapter(error);
      throw new InputError({ ...own.facts, at: `jobs[${index}].${own.facts.at}` }, { cause: error });
    }
  });
}
