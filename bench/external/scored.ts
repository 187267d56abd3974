import type { Prediction } from "../../studies/index.ts";

/** What a score was got with. */
export interface Scored {
  readonly model: string;
  /** Parameters chosen from rows of the same data. */
  readonly fitted: number;
  readonly fitRows: string;
  readonly predictions: readonly Prediction[];
  /** Where intervals were given: the share of measurements inside, and half their width on average, as a share. */
  readonly intervals?: { readonly inside: number; readonly halfWidth: number };
  /** Rows that are left out, and why. */
  readonly remark?: string;
}
