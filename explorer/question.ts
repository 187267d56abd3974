// What the page asks its workers.
import type { ConsideredWay } from "../plan/index.ts";
import type { Scene } from "./scene.ts";

/**
 * An estimate from the `first` steps, a `nearer` one, the `whole` run, the whole run with `one more` GPU, or that beside
 * the run in another way: `two ways`.
 */
export type QuestionKind = "first" | "nearer" | "whole" | "one more" | "two ways";

export interface Question {
  /** Counts the changes of the scene. */
  readonly id: number;
  readonly kind: QuestionKind;
  readonly scene: Scene;
  /** Text of a calibration file, where times are not the catalog's. */
  readonly calibration?: string | undefined;
  /** What the last plan chose, or the other way. */
  readonly way?: ConsideredWay | undefined;
  /** How far off the first estimate of the last scene was, as a factor. */
  readonly correction?: number | undefined;
}
