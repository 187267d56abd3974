import { InvariantError } from "../../core/index.ts";
import { adjustedLogits, type TokenConstraint } from "./adjust-logits.ts";
import { CacheRows } from "./cache-rows.ts";
import { mostLikely, nextToken, type Sampling } from "./sampling.ts";
import type { PartResult, SequencePart, SequenceRunner } from "./sequence-runs.ts";

/** Rows of a prompt in one run. */
export const PROMPT_ROWS = 128;

/** A token that was drawn, or given, with what the model thought of it. */
export interface SeenToken {
  readonly token: number;
  /** The natural logarithm of its probability, by the logits as they are. */
  readonly logProbability: number;
  /** The most likely tokens, as many as were asked for. */
  readonly top: readonly { readonly token: number; readonly logProbability: number }[];
}

export interface GenerationRequest {
  /** At least one token. */
  readonly prompt: readonly number[];
  /** Undefined: the base. */
  readonly adapter: string | undefined;
  readonly sampling: Sampling;
  readonly maxTokens: number;
  /** Tokens that end the answer, and are not part of it. */
  readonly stopTokens: ReadonlySet<number>;
  /** Most likely tokens to tell of each token of the answer; 0 when absent. */
  readonly topTokens?: number;
  /** Whether the log-probabilities of the prompt's tokens are wanted. */
  readonly scoresPrompt?: boolean;
  /** Of this answer alone. One that fails ends it with its error, and no other. */
  readonly constraint?: TokenConstraint | undefined;
  /** Hears of each token at once; the answer ends with one for which it returns true. */
  readonly onToken?: (token: SeenToken) => boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Who asks: whoever has the fewest rows is next. */
  readonly asker?: string | undefined;
}

export type GenerationEnd = "stop" | "length" | "aborted";

export interface Generation {
  readonly tokens: readonly SeenToken[];
  /** `stop`: a stop token, or whoever hears of the tokens. */
  readonly end: GenerationEnd;
  readonly stopToken: number | undefined;
  /** Of each token of the prompt but the first; empty where they were not asked for. */
  readonly promptLogProbabilities: readonly number[];
}

interface Waiting {
  readonly request: GenerationRequest;
  resolve(generation: Generation): void;
  reject(error: unknown): void;
}

interface Row extends Waiting {
  readonly tokens: SeenToken[];
  readonly promptLosses: number[];
  /** The whole sequence so far. */
  readonly ids: number[];
  /** Of these, in the cache. */
  past: number;
  /** Its range of the cache. */
  readonly firstRow: number;
  readonly cacheCount: number;
}

export interface GeneratorLimits {
  /** Sequences, and rows, of a run. */
  readonly sequences: number;
  readonly runRows: number;
  /** Of a model with long rotary frequencies: the most tokens of a sequence that has the others. */
  readonly longFrom: number | undefined;
}

/**
 * Answers many prompts at a time, each with an adapter or with the base: in every run each unfinished row has its next
 * token, or up to `PROMPT_ROWS` of its prompt. What a row is given depends on no other row.
 */
export class Generator {
  readonly #decoder: SequenceRunner;
  readonly #limits: GeneratorLimits;
  readonly #cache: CacheRows;
  readonly #rows = new Set<Row>();
  readonly #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(decoder: SequenceRunner, limits: GeneratorLimits) {
    this.#decoder = decoder;
    this.#limits = limits;
    // The first row is that of a lone row's neighbour.
    this.#cache = new CacheRows(1, decoder.cacheRows - 1);
  }

  /** Tokens that a prompt and its answer may have together. */
  get mostTokens(): number {
    return this.#decoder.cacheRows - 1;
  }

  generate(request: GenerationRequest): Promise<Generation> {
    const { prompt, maxTokens } = request;
    if (prompt.length === 0 || prompt.length + maxTokens > this.mostTokens)
      throw new InvariantError({
        expected: `a prompt and an answer of at most ${this.mostTokens} tokens`,
        got: [prompt.length, maxTokens],
      });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#admit()) await this.#step();
    } catch (error) {
      for (const { reject } of [...this.#rows, ...this.#waiting.splice(0)]) reject(error);
      for (const row of [...this.#rows]) this.#leave(row);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Begins with those that wait, as many as there is room for, and returns whether anything is to be done. */
  #admit(): boolean {
    for (const waiting of [...this.#waiting]) if (waiting.request.signal?.aborted === true) this.#drop(waiting);
    while (this.#waiting.length > 0 && this.#rows.size < this.#limits.sequences) {
      const next = this.#next();
      const { prompt, maxTokens } = next.request;
      const cacheCount = prompt.length + maxTokens;
      const firstRow = this.#cache.take(cacheCount);
      if (firstRow === undefined) break;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#rows.add({ ...next, tokens: [], promptLosses: [], ids: [...prompt], past: 0, firstRow, cacheCount });
    }
    return this.#rows.size > 0;
  }

  /** Of those that wait, the first of whoever has the fewest rows. */
  #next(): Waiting {
    const counts = new Map<string | undefined, number>();
    for (const { request } of this.#rows) counts.set(request.asker, (counts.get(request.asker) ?? 0) + 1);
    const rowsOf = ({ request }: Waiting): number => counts.get(request.asker) ?? 0;
    return this.#waiting.reduce((first, each) => (rowsOf(each) < rowsOf(first) ? each : first));
  }

  /** Ends what has not begun. */
  #drop(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    waiting.resolve({ tokens: [], end: "aborted", stopToken: undefined, promptLogProbabilities: [] });
  }

  #leave(row: Row): void {
    this.#rows.delete(row);
    this.#cache.giveBack(row.firstRow, row.cacheCount);
  }

  /** The next run: those that are behind their prompts first, then parts of prompts while there is room. */
  #parts(): readonly (readonly [Row, SequencePart])[] {
    const parts: [Row, SequencePart][] = [];
    let left = this.#limits.runRows;
    const ordered = [...this.#rows].sort((a, b) => Number(isPrompt(a)) - Number(isPrompt(b)));
    for (const row of ordered) {
      const part = this.#partOf(row);
      if (part.tokens.length > left) break;
      left -= part.tokens.length;
      parts.push([row, part]);
    }
    return parts;
  }

  #partOf({ request, ids, past, firstRow }: Row): SequencePart {
    const tokens = ids.slice(past, past + PROMPT_ROWS);
    const end = past + tokens.length;
    return {
      ...{ tokens, past, cacheRow: firstRow, total: ids.length },
      adapter: request.adapter,
      wantsLogits: end === ids.length && request.maxTokens > 0,
      ...(request.scoresPrompt === true && ids.length === request.prompt.length
        ? { targets: tokens.map((_, i) => ids[past + i + 1] ?? -1) }
        : {}),
    };
  }

  async #step(): Promise<void> {
    for (const row of [...this.#rows]) if (row.request.signal?.aborted === true) this.#end(row, "aborted", undefined);
    const parts = this.#parts();
    if (parts.length === 0) return;
    const results = await this.#decoder.run(parts.map(([, part]) => part));
    parts.forEach(([row, part], index) => {
      try {
        this.#take(row, part, results[index]!);
      } catch (error) {
        // A constraint that fails, or a listener, is that of one row.
        this.#leave(row);
        row.reject(error);
      }
    });
  }

  #take(row: Row, { tokens, targets }: SequencePart, { logits, logSum, losses }: PartResult): void {
    const { request, ids } = row;
    row.past += tokens.length;
    if (losses !== undefined) row.promptLosses.push(...Array.from(losses).filter((_, i) => targets![i]! >= 0));
    if (row.past < ids.length) return;
    if (logits === undefined) {
      this.#end(row, "length", undefined);
      return;
    }
    const { sampling, constraint, stopTokens } = request;
    const adjusted = { ids, promptTokens: request.prompt.length, stopTokens, constraint };
    const drawn = adjustedLogits(logits, sampling, adjusted);
    const token = nextToken(drawn, sampling, ids.length);
    if (request.stopTokens.has(token)) {
      this.#end(row, "stop", token);
      return;
    }
    const seen: SeenToken = {
      token,
      logProbability: logits[token]! - logSum,
      top: topTokens(logits, logSum, request.topTokens ?? 0),
    };
    row.tokens.push(seen);
    ids.push(token);
    const isWhole = constraint?.take(token) === true;
    const isStopped = request.onToken?.(seen) === true || isWhole;
    // Beyond the switch all keys are turned by the long frequencies, those of earlier tokens too.
    if (row.past === this.#limits.longFrom) row.past = 0;
    if (isStopped) this.#end(row, "stop", undefined);
    else if (row.tokens.length >= request.maxTokens) this.#end(row, "length", undefined);
  }

  #end(row: Row, end: GenerationEnd, stopToken: number | undefined): void {
    this.#leave(row);
    row.resolve({
      ...{ tokens: row.tokens, end, stopToken },
      promptLogProbabilities: row.promptLosses.map((loss) => -loss),
    });
  }
}

function isPrompt({ past, ids }: Row): boolean {
  return ids.length - past > 1;
}

/** The most likely tokens of a row, the most likely first. */
function topTokens(logits: Float32Array, logSum: number, count: number): SeenToken["top"] {
  if (count === 0) return [];
  const left = Float32Array.from(logits);
  return Array.from({ length: Math.min(count, logits.length) }, () => {
    const token = mostLikely(left);
    const logProbability = left[token]! - logSum;
    left[token] = Number.NEGATIVE_INFINITY;
    return { token, logProbability };
  });
}
