/** What of an action is left out, since jobs of it were stopped before it came to its device. */
export interface LeftOut {
  readonly jobs: ReadonlySet<number>;
  /** Whether its micro-batch has rows of these alone: nothing is computed. */
  readonly all: boolean;
}
