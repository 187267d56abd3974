import type { ReportData } from "../../reports/client/index.ts";
import type { SceneAnswer } from "../answer-scene.ts";
import type { EstimatedRun } from "../first-estimate.ts";
import { hourlyPrice, type Scene, withOneMore } from "../scene.ts";

/** A scene with the text of its calibration file, where it has one. */
export interface AskedScene {
  readonly scene: Scene;
  readonly calibration: string | undefined;
}

/** The answer that the page shows: of the whole run, or an estimate from its first steps. */
export interface ShownAnswer extends AskedScene {
  readonly answer: SceneAnswer;
  readonly report: ReportData;
  /** Absent once the whole run is simulated. */
  readonly estimate?: EstimatedRun | undefined;
}

/** What one more GPU brings; undefined until it is known. */
export type OneMore = { readonly answer: SceneAnswer } | { readonly error: string } | undefined;

/** Time and rate of the whole run. */
export function runFigures({ answer, estimate }: Pick<ShownAnswer, "answer" | "estimate">) {
  return estimate ?? answer.metrics;
}

/** What the devices of a scene cost for so many seconds. */
export function runPrice(scene: Scene, seconds: number): number {
  return (hourlyPrice(scene) * seconds) / 3600;
}

/** The same with one more GPU. */
export function oneMorePrice(scene: Scene, seconds: number): number {
  return runPrice(withOneMore(scene), seconds);
}
