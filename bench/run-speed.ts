import { readFileSync } from "node:fs";
import path from "node:path";
import { groupBy, maximum, sum } from "../core/index.ts";
import { actionDurations, createCostModel, fleetPlanBody, PLANNED_LETTERS, parseAction } from "../plan/index.ts";
import { FLEET_FILES } from "../workbench/fleet-folder.ts";
import { loadFleetFolder } from "../workbench/load-fleet.ts";
import { readCompletions } from "../workbench/load-run.ts";

/** The machine's speed is one figure for so long; a virtual machine's moves within seconds. */
const WINDOW_NS = 500e6;

/**
 * How fast a machine was over a run, as a clock that goes as its devices do: an action takes on it what is predicted for
 * it times its device's own factor, on average over a window.
 */
export class RunSpeed {
  /** By window, how many times that its actions took. */
  readonly #slower: readonly number[];
  /** Of this clock, at the beginning of each window. */
  readonly #workNs: readonly number[];
  /** By stage, how much slower its device was than all of them, over the whole run. */
  readonly ofStages: readonly number[];

  constructor(slower: readonly number[], ofStages: readonly number[]) {
    this.#slower = slower;
    this.ofStages = ofStages;
    const starts = [0];
    for (const factor of slower) starts.push(starts.at(-1)! + WINDOW_NS / factor);
    this.#workNs = starts;
  }

  /** Over the whole run. */
  get slower(): number {
    return (this.#slower.length * WINDOW_NS) / this.#workNs.at(-1)!;
  }

  /** Of this clock at a time. */
  toWork(ns: number): number {
    const window = Math.min(Math.floor(ns / WINDOW_NS), this.#slower.length - 1);
    return Math.round(this.#workNs[window]! + (ns - window * WINDOW_NS) / this.#slower[window]!);
  }

  /** The time at which this clock was so far. */
  fromWork(workNs: number): number {
    const after = this.#workNs.findIndex((ns) => ns > workNs);
    const window = after < 0 ? this.#slower.length - 1 : after - 1;
    return Math.round(window * WINDOW_NS + (workNs - this.#workNs[window]!) * this.#slower[window]!);
  }
}

interface TimedAction {
  readonly stage: number;
  readonly window: number;
  readonly took: number;
  readonly predicted: number;
}

/** How many times what was predicted of some actions they took. */
function slowerBy(actions: readonly TimedAction[]): number {
  return sum(actions.map(({ took }) => took)) / sum(actions.map(({ predicted }) => predicted));
}

/** The speed over the run of a fleet, from its folder. */
export function runSpeed(folder: string): RunSpeed {
  const place = { cwd: folder };
  const { setting, segments } = loadFleetFolder(place, folder);
  const plan = fleetPlanBody(setting, segments);
  const durations = actionDurations(plan, createCostModel(setting.calibration, setting.model.dtype));
  const file = path.join(folder, FLEET_FILES.completions);
  const completions = readCompletions(readFileSync(file, "utf8"), file, plan);
  const originNs = -maximum(completions.map(({ done }) => -done.startNs));
  const actions = completions.flatMap(({ stage, done }): TimedAction[] => {
    if (done.stream !== "compute") return [];
    const { letter, microBatch } = parseAction(plan.actions[stage]![done.id]!);
    return [
      {
        stage,
        window: Math.floor((done.startNs - originNs) / WINDOW_NS),
        took: done.endNs - done.startNs + (done.delayedNs ?? 0),
        predicted: durations(stage, PLANNED_LETTERS.indexOf(letter), microBatch),
      },
    ];
  });
  const all = slowerBy(actions);
  const byStage = groupBy(actions, ({ stage }) => stage);
  const ofStages = setting.stages.map((_, stage) => slowerBy(byStage.get(stage) ?? actions) / all);
  const own = actions.map((action) => ({ ...action, predicted: action.predicted * ofStages[action.stage]! }));
  const byWindow = groupBy(own, ({ window }) => window);
  const windows = Array.from({ length: maximum([...byWindow.keys()]) + 1 }, (_, window) => byWindow.get(window));
  return new RunSpeed(
    windows.map((some) => (some === undefined ? all : slowerBy(some))),
    ofStages,
  );
}
