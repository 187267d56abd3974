/** Micro-batches that cannot begin before a time, since their job's state is not on its devices yet. */
export class HeldStarts {
  readonly #untilNs = new Map<number, number>();

  hold(microBatch: number, untilNs: number): void {
    this.#untilNs.set(microBatch, untilNs);
  }

  /** When a micro-batch may begin that may not now. Its other stages come behind the first. */
  after(microBatch: number, nowNs: number): number | undefined {
    const untilNs = this.#untilNs.get(microBatch);
    if (untilNs === undefined || untilNs > nowNs) return untilNs;
    this.#untilNs.delete(microBatch);
    return undefined;
  }
}
