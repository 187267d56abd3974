import { readFileSync } from "node:fs";
import path from "node:path";
import { maximum, sum } from "../core/index.ts";
import { actionDurations, createCostModel, fleetPlanBody, PLANNED_LETTERS, parseAction } from "../plan/index.ts";
import { FLEET_FILES } from "../workbench/fleet-folder.ts";
import { loadFleetFolder } from "../workbench/load-fleet.ts";
import { readCompletions } from "../workbench/load-run.ts";

/** The machine's speed is one figure for so long; a virtual machine's moves within seconds. */
const WINDOW_NS = 500e6;

/**
 * How fast a machine was over a run, as a clock that goes as its devices do: an action takes on it what is predicted for
 * it, on average over a window.
 */
export class RunSpeed {
  /** By window, how many times what was predicted its actions took. */
  readonly #slower: readonly number[];
  /** Of this clock, at the beginning of each window. */
  readonly #workNs: readonly number[];

  constructor(slower: readonly number[]) {
    this.#slower = slower;
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

/** The speed over the run of a fleet, from its folder. */
export function runSpeed(folder: string): RunSpeed {
  const place = { cwd: folder };
  const { setting, segments } = loadFleetFolder(place, folder);
  const plan = fleetPlanBody(setting, segments);
  const durations = actionDurations(plan, createCostModel(setting.calibration, setting.model.dtype));
  const file = path.join(folder, FLEET_FILES.completions);
  const windows: { took: number; predicted: number }[] = [];
  const completions = readCompletions(readFileSync(file, "utf8"), file, plan);
  const originNs = -maximum(completions.map(({ done }) => -done.startNs));
  for (const { stage, done } of completions) {
    if (done.stream !== "compute") continue;
    const { letter, microBatch } = parseAction(plan.actions[stage]![done.id]!);
    const window = Math.floor((done.startNs - originNs) / WINDOW_NS);
    while (windows.length <= window) windows.push({ took: 0, predicted: 0 });
    windows[window]!.took += done.endNs - done.startNs + (done.delayedNs ?? 0);
    windows[window]!.predicted += durations(stage, PLANNED_LETTERS.indexOf(letter), microBatch);
  }
  const all = sum(windows.map(({ took }) => took)) / sum(windows.map(({ predicted }) => predicted));
  return new RunSpeed(windows.map(({ took, predicted }) => (predicted === 0 ? all : took / predicted)));
}
