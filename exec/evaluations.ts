import { groupBy, sum } from "../core/index.ts";
import { isOfBase, isSample, jobSegments, jobStep, type LiveWork, type MiniBatch } from "../plan/index.ts";
import { type Block, type EvaluatedRow, heldOutBlocks } from "./held-out-blocks.ts";
import { lossParts } from "./loss-parts.ts";
import type { LoweredAction } from "./lowering.ts";
import type { AdapterPair } from "./peft.ts";
import { comparedLoss, type PreferenceMeasures, type SeenRow, seenRows } from "./preference-measures.ts";

/** A line of metrics.jsonl: one job on its held-out rows, after one of its optimizer steps. */
export interface EvaluationMetrics {
  readonly job: string;
  /** The step that it has made last, from 0. */
  readonly step: number;
  /** Sum of token losses / scored tokens of the held-out rows; or what the job's loss makes of the answers in them. */
  readonly evaluationLoss: number;
  /** Of these rows. */
  readonly tokens: number;
  /** Whether it is lower than all of the job before. */
  readonly best: boolean;
  /** Of a job whose loss compares answers. */
  readonly preference?: PreferenceMeasures;
  /** Of the best so far, of another job: its rows, to compare it with those of other jobs. */
  readonly blocks?: readonly Block[];
  /** Of the base alone on the same rows, where the job asks for it: with its first evaluation. */
  readonly base?: { readonly loss: number; readonly blocks: readonly Block[] };
}

/** An evaluation, and what it took, which is no property of the job. */
export interface Evaluated {
  readonly metrics: EvaluationMetrics;
  /** From the start of the first action of its mini-batch's evaluation that was seen to the end of the last. */
  readonly seconds: number;
  /** Of the job. */
  readonly rows: number;
  /** With rows of the job. */
  readonly microBatches: number;
}

/** The lowest loss of a job so far. */
export interface BestEvaluation {
  readonly step: number;
  readonly evaluationLoss: number;
  /** What the job had then, all layers; absent where it is not kept. */
  readonly adapter?: readonly AdapterPair[];
}

interface Share {
  /** Of a job whose loss compares answers. */
  readonly compared: SeenRow[];
  /** Of another. */
  readonly rows: EvaluatedRow[];
  /** Under the base alone. */
  readonly ofBase: EvaluatedRow[];
  tokens: number;
  numRows: number;
  microBatches: number;
}

const emptyShare = (): Share => ({ compared: [], rows: [], ofBase: [], tokens: 0, numRows: 0, microBatches: 0 });

/** Sum of token losses / scored tokens. */
function lossOf(rows: readonly EvaluatedRow[]): number {
  const scored = sum(rows.map(([, , own]) => own));
  return scored === 0 ? 0 : sum(rows.map(([, loss]) => loss)) / scored;
}

/** An evaluation of which some micro-batches have not ended. */
interface OpenEvaluation {
  left: number;
  /** When the last of them was there that is no prompts. */
  endNs: number;
  /** By job, in their order. */
  readonly shares: Map<number, Share>;
}

interface SeenEvaluation extends Pick<LoweredAction, "microBatch" | "miniBatch"> {
  readonly leftOut?: LoweredAction["leftOut"] | undefined;
}

/**
 * Makes metrics of the losses of evaluations, and remembers the best adapters. Losses are added up in the order of the
 * parts, so that equal runs give equal bytes.
 */
export class Evaluations {
  readonly #live: LiveWork;
  readonly #open = new Map<MiniBatch, OpenEvaluation>();
  readonly #began = new WeakMap<MiniBatch, number>();
  /** By job, parameters that its last update told, by stage. */
  readonly #told = new Map<number, (readonly AdapterPair[])[]>();
  readonly #best = new Map<number, BestEvaluation>();
  /** By job, the step that was not finite. */
  readonly #stopped = new Map<number, number>();

  constructor(live: LiveWork) {
    this.#live = live;
  }

  /** An action of a mini-batch's evaluation began, on some stage. */
  began(miniBatch: MiniBatch, timeNs: number): void {
    this.#began.set(miniBatch, Math.min(timeNs, this.#began.get(miniBatch) ?? timeNs));
  }

  /** What a job had before, where it goes on from an earlier run. */
  begin(job: number, best: BestEvaluation | undefined): void {
    if (best !== undefined) this.#best.set(job, best);
  }

  /** A job's step was not finite: what is in queues of it and of later steps says nothing of the job. */
  stop(job: number, step: number): void {
    this.#stopped.set(job, step);
  }

  /** What an update told on a stage: the parameters of a job that may be kept. */
  addParameters(stage: number, job: number, parameters: readonly AdapterPair[]): void {
    const told = this.#told.get(job) ?? [];
    this.#told.set(job, told);
    told[stage] = parameters;
  }

  /**
   * Losses of an evaluation's parts, from its pipeline's last stage; none where it was left out. `endNs`: when they
   * were there. Prompts have none. Returns the evaluations of a mini-batch once all its parts have ended.
   */
  addLosses(
    { microBatch, miniBatch, leftOut }: SeenEvaluation,
    losses: ArrayLike<number>,
    endNs: number,
  ): readonly Evaluated[] | undefined {
    const open = this.#open.get(miniBatch) ?? {
      left: miniBatch.evaluation!.length,
      endNs,
      shares: new Map<number, Share>(),
    };
    this.#open.set(miniBatch, open);
    if (!isSample(microBatch)) {
      open.endNs = endNs;
      this.#addShares({ microBatch, leftOut }, open, losses);
    }
    open.left -= 1;
    if (open.left > 0) return undefined;
    this.#open.delete(miniBatch);
    const seconds = (open.endNs - (this.#began.get(miniBatch) ?? open.endNs)) / 1e9;
    return [...open.shares].flatMap(([job, share]) => {
      const step = jobStep(this.#live.groups, job, miniBatch);
      if (step >= (this.#stopped.get(job) ?? Number.POSITIVE_INFINITY)) return [];
      const { numRows, microBatches } = share;
      return [{ metrics: this.#evaluated(job, step, share), seconds, rows: numRows, microBatches }];
    });
  }

  #addShares(
    { microBatch, leftOut }: Pick<SeenEvaluation, "microBatch" | "leftOut">,
    open: OpenEvaluation,
    losses: ArrayLike<number>,
  ): void {
    const layout = lossParts(microBatch, (job) => this.#live.jobs[job]!);
    const seen = seenRows(microBatch, layout, losses);
    const isBase = isOfBase(microBatch);
    const evaluated = layout.parts.flatMap(({ job, row }, index) => {
      const [, data, , scored] = microBatch.rows[row]!;
      return layout.ofRow[row] === undefined ? [{ job, row: [data, losses[index]!, scored] as const }] : [];
    });
    const rowsOf = groupBy(evaluated, ({ job }) => job);
    for (const { job, tokens } of jobSegments(microBatch)) {
      if (leftOut?.jobs.has(job) === true) {
        open.shares.delete(job);
        continue;
      }
      const share = open.shares.get(job) ?? emptyShare();
      open.shares.set(job, share);
      const rows = (rowsOf.get(job) ?? []).map(({ row }) => row);
      share.microBatches += 1;
      if (isBase) {
        share.ofBase.push(...rows);
        continue;
      }
      share.rows.push(...rows);
      share.compared.push(...seen.flatMap(([of, row]) => (of === job ? [row] : [])));
      share.tokens += tokens;
      share.numRows += microBatch.rows.filter(
        ([own, , , , compared]) => own === job && compared?.part !== "other",
      ).length;
    }
  }

  /** The best of a job that has been evaluated. */
  bestOf(job: number): BestEvaluation | undefined {
    return this.#best.get(job);
  }

  /** Nobody will ask for a job that has ended. */
  forget(job: number): void {
    this.#best.delete(job);
    this.#told.delete(job);
    this.#stopped.delete(job);
  }

  #evaluated(job: number, step: number, share: Share): EvaluationMetrics {
    const { rows, ofBase, tokens } = share;
    const { name, loss: spec } = this.#live.jobs[job]!;
    const compared = spec === undefined ? undefined : comparedLoss(spec, share.compared);
    const evaluationLoss = compared?.loss ?? lossOf(rows);
    const known = this.#best.get(job);
    const best = !Number.isNaN(evaluationLoss) && (known === undefined || evaluationLoss < known.evaluationLoss);
    const told = this.#told.get(job);
    this.#told.delete(job);
    if (best) {
      const adapter = told === undefined ? {} : { adapter: told.flat() };
      this.#best.set(job, { step, evaluationLoss, ...adapter });
    }
    const own = { job: name, step, evaluationLoss, tokens, best };
    if (compared !== undefined) return { ...own, preference: compared.preference };
    return {
      ...own,
      ...(best ? { blocks: heldOutBlocks(rows) } : {}),
      ...(ofBase.length === 0 ? {} : { base: { loss: lossOf(ofBase), blocks: heldOutBlocks(ofBase) } }),
    };
  }
}
