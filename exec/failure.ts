/**
 * What ends the waits of a run that fails. A promise of the failure, in a race with each wait, would keep what it needs to
 * tell each of them for as long as the run goes on.
 */
export class Failure {
  readonly #waiting = new Set<(error: unknown) => void>();
  #failed: { readonly error: unknown } | undefined;

  /** Only the first one counts. */
  fail(error: unknown): void {
    if (this.#failed !== undefined) return;
    this.#failed = { error };
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** The promise, or the failure where that comes first. */
  unless<Value>(promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#failed !== undefined) {
        reject(this.#failed.error);
        return;
      }
      this.#waiting.add(reject);
      void promise.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}
