// What the workers say to the page.
import type { ReportData } from "../reports/index.ts";
import type { FleetAnswer } from "./answer-fleet.ts";
import type { SceneAnswer } from "./answer-scene.ts";
import type { WaysAnswer } from "./answer-ways.ts";
import type { EstimatedRun } from "./first-estimate.ts";
import type { Question } from "./question.ts";

/**
 * What came of a question; `report` is left out for one more GPU, of which only figures are shown, and has a critical path
 * for the whole run.
 */
export type Reply = Pick<Question, "id" | "kind"> &
  (
    | {
        readonly answer: SceneAnswer;
        readonly run?: EstimatedRun;
        readonly report?: ReportData;
      }
    | { readonly ways: WaysAnswer }
    | { readonly fleet: FleetAnswer }
    | { readonly error: string }
  );
