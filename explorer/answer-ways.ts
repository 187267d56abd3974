// Two ways to train a scene side by side: of the planner's, others that it looked at, and those that are simulated only.
import { canonicalJson } from "../core/index.ts";
import type { ReportData } from "../reports/index.ts";
import { causeText, compareWays, planWay, type TimePair, wayText } from "../traces/index.ts";
import { answerComparison } from "./answer-comparison.ts";
import { planReport, type ShownWay, type SimulatedScene, sceneRequest, simulateRequest } from "./answer-scene.ts";
import { isComparison } from "./comparison.ts";
import type { Scene } from "./scene.ts";
import { type WaysDocuments, waysDocuments } from "./scene-documents.ts";
import { type CutScene, type SceneWay, sceneInWay } from "./scene-in-way.ts";

/** What the page shows of two ways. */
export interface WaysAnswer {
  readonly names: readonly [one: string, other: string];
  readonly reports: readonly [one: ReportData, other: ReportData];
  readonly makespan: TimePair;
  readonly causes: readonly (TimePair & { readonly text: string })[];
  /** What `compare --json` prints of the two. */
  readonly json: string;
  readonly documents: WaysDocuments;
}

/** Two ways side by side, by how each is shown. */
export function shownWays(
  [one, other]: readonly [one: ShownWay, other: ShownWay],
  documents: WaysDocuments,
  nameOf: (text: string, side: 0 | 1) => string = (text) => text,
): WaysAnswer {
  const compared = compareWays(one.way, other.way);
  return {
    names: [nameOf(wayText(compared.ways[0]), 0), nameOf(wayText(compared.ways[1]), 1)],
    reports: [one.report, other.report],
    makespan: compared.makespan,
    causes: compared.causes.map(({ ns, differenceNs, ...key }) => ({ text: causeText(key), ns, differenceNs })),
    json: canonicalJson(compared),
    documents,
  };
}

/** The scene whose whole run was simulated last: of two ways one is mostly that. */
let last: { readonly key: string; readonly simulated: SimulatedScene; readonly shown: ShownWay } | undefined;

/** The whole run of a scene, and how it is shown. `calibration` as for `sceneRequest`. @throws InputError, PlanError */
export function wholeScene(scene: CutScene, calibration: string | undefined): NonNullable<typeof last> {
  const key = canonicalJson([scene, calibration ?? null]);
  if (last?.key === key) return last;
  const simulated = simulateRequest(sceneRequest(scene, calibration));
  const way = planWay(simulated);
  last = { key, simulated, shown: { way, report: planReport(simulated, way) } };
  return last;
}

function shownWay(scene: CutScene, calibration: string | undefined): ShownWay {
  const { schedule } = scene;
  if (isComparison(schedule)) return answerComparison(scene, schedule, calibration);
  return wholeScene(scene, calibration).shown;
}

/** Two ways to train a scene. @throws InputError, PlanError where one is not possible or does not fit */
export function answerWays(
  scene: Scene,
  ways: readonly [one: SceneWay, other: SceneWay],
  calibration: string | undefined,
): WaysAnswer {
  const scenes = [sceneInWay(scene, ways[0]), sceneInWay(scene, ways[1])] as const;
  const shown = [shownWay(scenes[0], calibration), shownWay(scenes[1], calibration)] as const;
  return shownWays(shown, waysDocuments(scene, scenes));
}
