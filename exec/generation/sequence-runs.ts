import { InvariantError } from "../../core/index.ts";
import type { Completion, Handle, Operator, RunTask, Segment } from "../../native/index.ts";
import { computeDtype, type Dtype, headLogitsPlaces, type Stage, type StageLayout } from "../../plan/index.ts";
import { type Later, whenAllThere } from "../later.ts";
import type { BaseModel } from "../model-folder.ts";
import type { StageDevice } from "../stage-host.ts";
import { forwardProgram } from "../stage-programs.ts";
import type { StageWeights } from "../stage-weights.ts";

/** What a run does with one sequence. */
export interface SequencePart {
  /** The next tokens of the sequence. */
  readonly tokens: ArrayLike<number>;
  /** How many came before, which are in the cache. */
  readonly past: number;
  /** The row of the cache that has its first. */
  readonly cacheRow: number;
  /** Tokens of the whole sequence, as far as it is known; long rotary frequencies go by it. */
  readonly total: number;
  /** Undefined: the base. */
  readonly adapter: string | undefined;
  /** Whether the logits behind its last token are wanted. */
  readonly wantsLogits: boolean;
  /** Of each token, the one behind it whose log-probability is wanted, -1: none. */
  readonly targets?: ArrayLike<number> | undefined;
}

/** What a run says of one sequence. */
export interface PartResult {
  /** [vocabulary], and the log of the sum of their exponentials; of one that wants them. */
  readonly logits: Float32Array | undefined;
  readonly logSum: number;
  /** Of each token with a target, minus its target's log-probability; 0 without one. */
  readonly losses: Float64Array | undefined;
}

/** Whoever takes sequences further, with a cache of so many rows of which the first is a lone row's neighbour's. */
export interface SequenceRunner {
  readonly cacheRows: number;
  run(parts: readonly SequencePart[]): Promise<readonly PartResult[]>;
}

export interface SequenceRunsInput {
  readonly architecture: BaseModel["architecture"];
  readonly stage: Stage;
  readonly dtype: Dtype;
  readonly layout: StageLayout;
  readonly weights: StageWeights;
  /** Byte offsets in the device's arena: the workspace of the runs, and the cache of keys and values. */
  readonly work: number;
  readonly cache: number;
  readonly cacheRows: number;
  /** Whether runs may want losses. */
  readonly isScored: boolean;
  adapterOf(name: string): Handle | undefined;
}

type RunDevice = Pick<StageDevice, "createProgram" | "readArena">;

/** The runs that take sequences further on a device that has the whole model: what it is asked, and what it says. */
export class SequenceRuns {
  readonly #device: RunDevice;
  readonly #input: SequenceRunsInput;
  /** What the program that gives logits is made of, in order. */
  readonly operators: readonly Operator[];
  readonly #programs: { readonly logits: Handle; readonly scored: Handle | undefined };
  readonly #places: { readonly logits: number; readonly logSums: number };

  constructor(device: RunDevice, input: SequenceRunsInput) {
    this.#device = device;
    this.#input = input;
    const { architecture, stage, layout, weights, work, isScored } = input;
    const dtype = computeDtype(input.dtype);
    const composed = { architecture, stage, dtype, edges: { before: dtype, after: dtype }, layout, weights };
    this.operators = forwardProgram(composed, "logits");
    this.#programs = {
      logits: device.createProgram(this.operators),
      scored: isScored ? device.createProgram(forwardProgram(composed, "losses and logits")) : undefined,
    };
    const { hiddenSize, vocabularySize } = architecture;
    const { lm_head: lds = 0 } = layout.shrunkColumns;
    const { logSums } = headLogitsPlaces(layout.mostLogits, hiddenSize, vocabularySize, dtype, lds);
    const logits = work + layout.forward.logits.offset;
    this.#places = { logits, logSums: logits + logSums };
  }

  /** What a device is asked. What it is given is right: who calls it has checked it. */
  task(parts: readonly SequencePart[]): Pick<RunTask, "program" | "bindings" | "waits"> {
    const own = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    // A product takes another way through a lone row, so it gets a neighbour that nobody looks at (matmul.h).
    const rows = Math.max(2, own);
    const all: readonly SequencePart[] =
      own === 1
        ? [...parts, { tokens: [0], past: 0, cacheRow: 0, total: 1, adapter: undefined, wantsLogits: false }]
        : parts;
    const ids = new Int32Array(rows);
    const sequences = new Int32Array(all.length + 1);
    const isScored = parts.some(({ targets }) => targets !== undefined);
    const targets = new Int32Array(rows).fill(-1);
    const segments: Segment[] = [];
    const logitRows: number[] = [];
    let row = 0;
    all.forEach(({ tokens, adapter, wantsLogits, targets: wanted }, index) => {
      ids.set(Array.from(tokens), row);
      if (wanted !== undefined) targets.set(Array.from(wanted), row);
      const end = row + tokens.length;
      if (adapter !== undefined) {
        const handle = this.#input.adapterOf(adapter);
        if (handle === undefined) throw new InvariantError({ expected: "an adapter of the device", got: adapter });
        segments.push({
          ...{ adapter: handle, rowStart: row, rowEnd: end },
          ...{ lossScale: 0, dropout: 0, dropoutSeed: [0, 0] },
        });
      }
      if (wantsLogits) logitRows.push(end - 1);
      row = end;
      sequences[index + 1] = end;
    });
    const caches = all.map(({ cacheRow, past, total }) => ({ first: cacheRow, past, total }));
    const losses = isScored
      ? Array.from({ length: rows }, (_, at) => ({ rowStart: at, rowEnd: at + 1, lossScale: 0 }))
      : [];
    return {
      program: isScored ? this.#programs.scored! : this.#programs.logits,
      waits: [],
      bindings: {
        ...{ rows, stashRows: this.#input.cacheRows, ids, sequences, caches, segments, losses },
        ...(isScored ? { targets } : {}),
        logitRows: Int32Array.from(logitRows),
        ...{ stash: this.#input.cache, work: this.#input.work, in: 0, out: 0 },
      },
    };
  }

  /** What the device says, once it has. */
  results(parts: readonly SequencePart[], told: Completion["losses"]): Later<readonly PartResult[]> {
    const count = parts.filter(({ wantsLogits }) => wantsLogits).length;
    const { vocabularySize: vocabulary } = this.#input.architecture;
    const read = (offset: number, values: number): Later<Float32Array> =>
      count === 0 ? new Float32Array(0) : this.#device.readArena(offset, values);
    const wanted = [read(this.#places.logits, count * vocabulary), read(this.#places.logSums, count)];
    return whenAllThere(wanted, ([logits, logSums]) => {
      let next = 0;
      let start = 0;
      return parts.map(({ tokens, wantsLogits, targets }): PartResult => {
        const first = start;
        start += tokens.length;
        const losses = targets === undefined ? undefined : told!.slice(first, start);
        if (!wantsLogits) return { logits: undefined, logSum: 0, losses };
        const at = next;
        next += 1;
        const row = logits!.subarray(at * vocabulary, (at + 1) * vocabulary);
        return { logits: row, logSum: logSums![at]!, losses };
      });
    });
  }
}
