import { formatSeconds } from "../core/index.ts";
import type { FleetHistory } from "../plan/index.ts";
import { type FleetFigure, type FleetPageData, fleetPart, renderFleet } from "../reports/index.ts";
import { type FleetMetrics, historyMetrics, type Spread } from "../sim/index.ts";
import { today, VERSION, writeOutput } from "../workbench/index.ts";
import type { Io } from "./io.ts";
import { browserAsset } from "./write-report.ts";

function seconds(value: number): string {
  return value === 0 ? "0 s" : formatSeconds(value);
}

function spreadDetail({ median, p95, p99 }: Spread): string {
  return `median ${seconds(median)}, 95 % ${seconds(p95)}, 99 % ${seconds(p99)}`;
}

/** How each figure of a fleet is read; a figure without an entry does not compile. */
const FIGURES: { readonly [Name in keyof FleetMetrics]: (metrics: FleetMetrics) => FleetFigure } = {
  turnaroundSeconds: ({ turnaroundSeconds: spread }) => ({
    name: "Turnaround, mean",
    text: seconds(spread.mean),
    detail: spreadDetail(spread),
  }),
  waitingSeconds: ({ waitingSeconds: spread }) => ({
    name: "Waiting, mean",
    text: seconds(spread.mean),
    detail: spreadDetail(spread),
  }),
  weightedTurnaroundSeconds: ({ weightedTurnaroundSeconds }) => ({
    name: "Turnaround by priority",
    text: seconds(weightedTurnaroundSeconds),
    detail: "mean, each job as often as its priority above the smallest, plus one",
  }),
  makespanSeconds: ({ makespanSeconds }) => ({
    name: "Makespan",
    text: seconds(makespanSeconds),
    detail: "to the end of the last job",
  }),
  preemptions: ({ preemptions }) => ({
    name: "Preemptions",
    text: `${preemptions}`,
    detail: "times that a job gave way, or was paused",
  }),
  refused: ({ refused }) => ({ name: "Refused", text: `${refused}`, detail: "jobs that never began" }),
  jobsInSystem: ({ jobsInSystem }) => ({
    name: "Jobs at a time",
    text: jobsInSystem.toFixed(2),
    detail: "mean, waiting or training",
  }),
};

/** Asks for what a page needs before much is computed for it. @throws DeviceError before a build. */
export function fleetAssets() {
  return { script: browserAsset("reports", "fleet.js"), style: browserAsset("reports", "fleet.css") };
}

/** A fleet under a name, as its journal has it. */
export interface NamedFleet {
  readonly title: string;
  readonly history: FleetHistory;
}

/** One self-contained page of one fleet, or of two. */
export function writeFleet(io: Io, file: string, title: string, fleets: readonly NamedFleet[]): void {
  const page: FleetPageData = {
    title,
    date: `${today()}, loratwin ${VERSION}`,
    facts: [
      { label: fleets.length > 1 ? "Policies" : "Policy", value: fleets.map((fleet) => fleet.title).join(", ") },
      { label: "Jobs", value: `${fleets[0]!.history.jobs.length}` },
      { label: "Pipelines", value: `${Math.max(...fleets.map(({ history }) => history.numPipelines))}` },
    ],
    fleets: fleets.map((fleet) => {
      const metrics = historyMetrics(fleet.history);
      return fleetPart(
        fleet.title,
        fleet.history,
        Object.values(FIGURES).map((figure) => figure(metrics)),
      );
    }),
  };
  writeOutput(io, file, renderFleet(page, fleetAssets()));
}
