import { contentHash, formatSeconds, sum } from "../../core/index.ts";
import type { GoldenBudget } from "../../plan/index.ts";
import type { ComparedFigure, ComparedGolden } from "./compare-goldens.ts";

/** What planner and simulator took themselves for all golden workloads. */
export interface Effort {
  /** Seconds of the processor, by golden workload. */
  readonly cpuSeconds: ReadonlyMap<string, number>;
  /** The most memory of the process. */
  readonly peakBytes: number;
}

/** A single golden workload may take that many times its share of the budget, and so many seconds more in any case. */
const ALONE = { times: 2, seconds: 0.4 };

/** The least that each took of some measurements of one revision: others were disturbed. */
export function leastEffort(efforts: readonly Effort[]): Effort {
  const names = [...(efforts[0]?.cpuSeconds.keys() ?? [])];
  return {
    cpuSeconds: new Map(
      names.map((name) => [name, Math.min(...efforts.map((each) => each.cpuSeconds.get(name) ?? Infinity))]),
    ),
    peakBytes: Math.min(...efforts.map(({ peakBytes }) => peakBytes)),
  };
}

function slower(before: Effort, now: Effort, { cpu }: GoldenBudget): readonly string[] {
  return [...now.cpuSeconds].flatMap(([name, is]) => {
    const was = before.cpuSeconds.get(name);
    if (was === undefined || is <= ALONE.times * cpu * was || is - was < ALONE.seconds) return [];
    return [`${name} takes ${formatSeconds(is)} of the processor, and took ${formatSeconds(was)}`];
  });
}

/** Whether a revision takes more than its budget for planning and simulating, whatever that comes to. */
export function compareEffort(before: Effort, now: Effort, budget: GoldenBudget): ComparedGolden {
  const figure = (name: string, was: number, is: number, most: number): ComparedFigure => ({
    ...{ name, before: was, now: is, loss: is / was - 1, isAllowed: is <= most * was },
  });
  const figures = [
    figure("cpuSeconds", sum([...before.cpuSeconds.values()]), sum([...now.cpuSeconds.values()]), budget.cpu),
    figure("processBytes", before.peakBytes, now.peakBytes, budget.memory),
  ];
  const alone = slower(before, now, budget);
  const over = figures.filter(({ isAllowed }) => !isAllowed);
  const isWorse = over.length + alone.length > 0;
  return {
    name: "budget",
    guards: "what planner and simulator take themselves",
    verdict: isWorse ? "worse" : "same",
    figures: isWorse ? figures : [],
    why: [
      ...over.map(
        ({ name, before: was, now: is }) =>
          `${name === "cpuSeconds" ? "planning and simulating take" : "the process has"} ${(is / was).toFixed(1)} times as much ${name === "cpuSeconds" ? "of the processor" : "memory"}`,
      ),
      ...alone,
    ],
    outcome: contentHash(over.map(({ name }) => name)).slice(-12),
  };
}
