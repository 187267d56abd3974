// What the page and its workers say to each other.
import type { ConsideredWay } from "../plan/index.ts";
import type { ReportData } from "../reports/index.ts";
import type { FleetAnswer } from "./answer-fleet.ts";
import type { SceneAnswer } from "./answer-scene.ts";
import type { EstimatedRun } from "./first-estimate.ts";
import type { Scene } from "./scene.ts";

/** `first` steps alone, the `whole` run, or the whole run with `one more` GPU. */
export type QuestionKind = "first" | "whole" | "one more";

export interface Question {
  /** Counts the changes of the scene. */
  readonly id: number;
  readonly kind: QuestionKind;
  readonly scene: Scene;
  /** What the last plan chose. */
  readonly way?: ConsideredWay | undefined;
  /** Of the last fleet. */
  readonly numPipelines?: number | undefined;
  /** How far off the first estimate of the last scene was, as a factor. */
  readonly correction?: number | undefined;
}

/** What came of it; `report` is left out for one more GPU, of which only figures are shown. */
export type Reply = Pick<Question, "id" | "kind"> &
  (
    | { readonly answer: SceneAnswer; readonly run?: EstimatedRun; readonly report?: ReportData }
    | { readonly fleet: FleetAnswer }
    | { readonly error: string }
  );
