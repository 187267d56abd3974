/** Pipelines by how many jobs they have, then by number. */
export class EmptiestFirst {
  readonly #counts: number[];
  /** Made when it is asked for, since most jobs stay where they are. */
  #order: number[] | undefined;

  constructor(counts: readonly number[]) {
    this.#counts = [...counts];
  }

  get order(): readonly number[] {
    this.#order ??= this.#sorted();
    return this.#order;
  }

  /** One more job. */
  add(pipeline: number): void {
    this.#counts[pipeline]! += 1;
    const order = this.#order;
    if (order === undefined) return;
    for (let at = order.indexOf(pipeline); at + 1 < order.length; at += 1) {
      const next = order[at + 1]!;
      if (this.#compare(pipeline, next) < 0) break;
      order[at] = next;
      order[at + 1] = pipeline;
    }
  }

  /** Counts are few, so they are gone through one after another. */
  #sorted(): number[] {
    const byCount: number[][] = [];
    this.#counts.forEach((count, pipeline) => {
      while (byCount.length <= count) byCount.push([]);
      byCount[count]!.push(pipeline);
    });
    return byCount.flat();
  }

  #compare(a: number, b: number): number {
    return this.#counts[a]! - this.#counts[b]! || a - b;
  }
}
