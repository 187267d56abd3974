import path from "node:path";
import { groupBy, maximum, sum } from "../core/index.ts";
import { linesOfFile } from "../files/file-lines.ts";
import { actionDurations, createCostModel, fleetPlanBody, PLANNED_LETTERS, parseAction } from "../plan/index.ts";
import { readCompletions } from "../runs/folder/read-completions.ts";
import { readRun } from "../runs/folder/read-run.ts";
import { RUN_FILES } from "../runs/folder/run-files.ts";
import { DeviceClock } from "../sim/index.ts";

/** A device's speed is one figure for so long; a virtual machine's moves within seconds. */
const WINDOW_NS = 500e6;

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

/** How fast each stage's device was over the run of a fleet, from its folder. */
export function runClocks(folder: string): readonly DeviceClock[] {
  const place = { cwd: folder };
  const { setting, segments } = readRun(place, folder, "fleet");
  const plan = fleetPlanBody(setting, segments);
  const durations = actionDurations(plan, createCostModel(setting.calibration, setting.model.dtype));
  const file = path.join(folder, RUN_FILES.completions);
  const completions = [...readCompletions(linesOfFile(file), file, plan)];
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
  const numWindows = maximum(actions.map(({ window }) => window)) + 1;
  const byStage = groupBy(actions, ({ stage }) => stage);
  return setting.stages.map((_, stage) => {
    const own = byStage.get(stage) ?? actions;
    const byWindow = groupBy(own, ({ window }) => window);
    // A device that did nothing in a window says nothing of it.
    const whole = slowerBy(own);
    const windows = Array.from({ length: numWindows }, (__, window) => byWindow.get(window));
    return new DeviceClock(
      WINDOW_NS,
      windows.map((some) => (some === undefined ? whole : slowerBy(some))),
    );
  });
}
