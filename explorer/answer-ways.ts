// Two ways to train a scene side by side: the planner's, and another one that it looked at.
import { canonicalJson } from "../core/index.ts";
import type { ConsideredWay } from "../plan/index.ts";
import type { ReportData } from "../reports/index.ts";
import {
  causeText,
  compareWays,
  criticalPath,
  type PathCause,
  type PathStep,
  pathCauses,
  shorteningText,
  type TimePair,
  wayText,
} from "../traces/index.ts";
import { type SimulatedScene, sceneReport, sceneRequest, simulateRequest } from "./answer-scene.ts";
import type { Scene } from "./scene.ts";
import { type WaysDocuments, waysDocuments } from "./scene-documents.ts";
import { sceneInWay } from "./scene-in-way.ts";

/** A part of the critical path in words, with how much less of it would save. */
export interface Shortening {
  readonly what: string;
  readonly how: string;
  readonly ns: number;
  readonly savesNs: number;
}

/** What a run's end waits for, for its timeline. */
export interface RunPath {
  readonly steps: readonly Pick<PathStep, "action" | "device" | "stream" | "isWait" | "startNs" | "endNs">[];
  /** What would save most first. */
  readonly shortenings: readonly Shortening[];
}

/** What the page shows of two ways. */
export interface WaysAnswer {
  readonly names: readonly [one: string, other: string];
  readonly reports: readonly [one: ReportData, other: ReportData];
  readonly paths: readonly [one: RunPath, other: RunPath];
  readonly makespan: TimePair;
  readonly causes: readonly (TimePair & { readonly text: string })[];
  /** What `compare --json` prints of the plans of the two. */
  readonly json: string;
  readonly documents: WaysDocuments;
}

/** Causes of which a person is told what they cost. */
const MOST_SHORTENINGS = 4;

function shortening(part: PathCause): Shortening {
  const [what, how] = shorteningText(part);
  return { what, how, ns: part.ns, savesNs: part.savesNs };
}

/** The critical path of a simulated scene. */
export function runPath({ plan, trace }: SimulatedScene): RunPath {
  const path = criticalPath(plan, trace);
  return {
    steps: path.map(({ parts: _parts, ...step }) => step),
    shortenings: pathCauses(path, trace.devices).slice(0, MOST_SHORTENINGS).map(shortening),
  };
}

/** The scene whose whole run was simulated last: of two ways one is mostly that. */
let last: { readonly key: string; readonly simulated: SimulatedScene } | undefined;

/** The whole run of a scene. `calibration` as for `sceneRequest`. @throws InputError, PlanError */
export function wholeScene(scene: Scene, calibration: string | undefined): SimulatedScene {
  const key = canonicalJson([scene, calibration ?? null]);
  if (last?.key !== key) last = { key, simulated: simulateRequest(sceneRequest(scene, calibration)) };
  return last.simulated;
}

/** The planner's way and another one. @throws InputError, PlanError where the other does not fit */
export function answerWays(scene: Scene, way: ConsideredWay, calibration: string | undefined): WaysAnswer {
  const other = sceneInWay(scene, way);
  const runs = [wholeScene(scene, calibration), simulateRequest(sceneRequest(other, calibration))] as const;
  const compared = compareWays(...runs);
  return {
    names: [wayText(compared.ways[0]), wayText(compared.ways[1])],
    reports: [sceneReport(runs[0]), sceneReport(runs[1])],
    paths: [runPath(runs[0]), runPath(runs[1])],
    makespan: compared.makespan,
    causes: compared.causes.map(({ ns, differenceNs, ...key }) => ({ text: causeText(key), ns, differenceNs })),
    json: canonicalJson(compared),
    documents: waysDocuments(scene, other),
  };
}
