import { Fifo, InvariantError } from "../../core/index.ts";
import { EVALUATION } from "../actions/action.ts";
import { letterOf, microBatchOf } from "../actions/order.ts";

/** Actions of a pipeline's first stage that are ordered and have not passed, that is, really ended. */
export class Ahead {
  readonly #actions = new Fifo<{ readonly endNs: number; readonly evaluated: number | undefined }>();
  /** Micro-batches of evaluations that have begun there, and not ended on the last stage. */
  readonly #evaluating = new Set<number>();

  begin(action: number, endNs: number): void {
    const evaluated = letterOf(action) === EVALUATION ? microBatchOf(action) : undefined;
    if (evaluated !== undefined) this.#evaluating.add(evaluated);
    this.#actions.add({ endNs, evaluated });
  }

  /** An evaluation has ended on the last stage, as it is planned. */
  endEvaluation(microBatch: number): void {
    this.#evaluating.delete(microBatch);
  }

  /** The first one has passed. */
  pass(): void {
    if (this.#actions.take() === undefined)
      throw new InvariantError({ expected: "an action of the first stage that has begun", got: "none" });
  }

  /** When the first one ends, as it is planned. */
  get nextEndNs(): number | undefined {
    return this.#actions.first?.endNs;
  }

  /**
   * Whether the first one is an evaluation that is not ordered on every stage. Behind it nothing comes back, and its job
   * may leave its devices once it has passed.
   */
  get isEvaluating(): boolean {
    const { evaluated } = this.#actions.first ?? {};
    return evaluated !== undefined && this.#evaluating.has(evaluated);
  }
}
