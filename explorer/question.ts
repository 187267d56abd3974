// What the page asks its workers.
import type { ConsideredWay } from "../plan/index.ts";
import type { Scene } from "./scene.ts";
import type { SceneWay } from "./scene-in-way.ts";

/**
 * An estimate from the `first` steps, a `nearer` one, the `whole` run, the whole run with `one more` GPU, or `two ways`
 * side by side.
 */
export type QuestionKind = "first" | "nearer" | "whole" | "one more" | "two ways";

export interface Question {
  /** Counts the changes of the scene. */
  readonly id: number;
  readonly kind: QuestionKind;
  readonly scene: Scene;
  /** Text of a calibration file, where times are not the catalog's. */
  readonly calibration?: string | undefined;
  /** What the last plan chose. */
  readonly way?: ConsideredWay | undefined;
  /** Those that are to be shown side by side. */
  readonly ways?: readonly [one: SceneWay, other: SceneWay] | undefined;
  /** How far off the first estimate of the last scene was, as a factor. */
  readonly correction?: number | undefined;
}
