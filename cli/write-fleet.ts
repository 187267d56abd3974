import { formatSeconds, mean } from "../core/index.ts";
import { VERSION, writeOutput } from "../files/index.ts";
import { fleetHistory } from "../plan/index.ts";
import { type FleetFigure, type FleetPageData, fleetPart, renderFleet } from "../reports/index.ts";
import type { AgainstBound, FleetMetrics, SimulatedFleet, Spread } from "../sim/index.ts";
import { today } from "../workbench/index.ts";
import type { Io } from "./io.ts";
import { percent } from "./output.ts";
import { pageAssets } from "./write-report.ts";

function seconds(value: number): string {
  return value === 0 ? "0 s" : formatSeconds(value);
}

function spreadDetail({ median, p95, p99 }: Spread, text: (value: number) => string): string {
  return `median ${text(median)}, 95 % ${text(p95)}, 99 % ${text(p99)}`;
}

function timesText(value: number): string {
  return `${value.toFixed(2)} ×`;
}

function againstText({ boundSeconds, ratio }: AgainstBound): string {
  return `${timesText(ratio)} of ${seconds(boundSeconds)}`;
}

/** How each figure of a fleet is read; a figure without an entry does not compile. */
const FIGURES: { readonly [Name in keyof FleetMetrics]: (metrics: FleetMetrics) => FleetFigure } = {
  turnaroundSeconds: ({ turnaroundSeconds: spread }) => ({
    name: "Turnaround, mean",
    text: seconds(spread.mean),
    detail: spreadDetail(spread, seconds),
  }),
  weightedTurnaroundSeconds: ({ weightedTurnaroundSeconds }) => ({
    name: "Turnaround by priority",
    text: seconds(weightedTurnaroundSeconds),
    detail: "mean, each job as often as its priority above the smallest, plus one",
  }),
  waitingSeconds: ({ waitingSeconds: spread }) => ({
    name: "Waiting, mean",
    text: seconds(spread.mean),
    detail: spreadDetail(spread, seconds),
  }),
  weightedWaitingSeconds: ({ weightedWaitingSeconds }) => ({
    name: "Waiting by priority",
    text: seconds(weightedWaitingSeconds),
    detail: "mean, each job as often as its priority above the smallest, plus one",
  }),
  slowdown: ({ slowdown: spread }) => ({
    name: "Slowdown, mean",
    text: timesText(spread.mean),
    detail: `of the least time that a job could train in; ${spreadDetail(spread, timesText)}`,
  }),
  makespanSeconds: ({ makespanSeconds }) => ({
    name: "Makespan",
    text: seconds(makespanSeconds),
    detail: "to the end of the last job",
  }),
  bounds: ({ bounds }) => ({
    name: "Beside what no scheduler can beat",
    text: bounds === null ? "–" : timesText(bounds.meanTurnaround.ratio),
    detail:
      bounds === null
        ? "known only of fleets that are simulated iteration by iteration"
        : `mean turnaround ${againstText(bounds.meanTurnaround)}; all jobs ${againstText(bounds.makespan)}`,
  }),
  tokensPerSecond: ({ tokensPerSecond }) => ({
    name: "Tokens per second",
    text: `${Math.round(tokensPerSecond)}`,
    detail: "of rows, without padding, from the first arrival to the last end",
  }),
  utilisation: ({ utilisation }) => ({
    name: "Pipelines at work",
    text: percent(mean(utilisation)),
    detail: `of the time; from ${percent(Math.min(...utilisation))} to ${percent(Math.max(...utilisation))}`,
  }),
  fairness: ({ fairness }) => ({
    name: "Fairness to users",
    text: fairness.toFixed(3),
    detail: "Jain's index of their tokens a second; 1 where all got the same",
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

/** A fleet's figures as people read them. */
export function fleetFigures(metrics: FleetMetrics): readonly FleetFigure[] {
  return Object.values(FIGURES).map((figure) => figure(metrics));
}

/** Asks for what a page needs before much is computed for it. @throws DeviceError before a build. */
export function fleetAssets() {
  return pageAssets("fleet");
}

export type FleetPageContent = Omit<FleetPageData, "date">;

/** One self-contained page. */
export function writeFleetPage(io: Io, file: string, content: FleetPageContent): void {
  writeOutput(io, file, renderFleet({ ...content, date: `${today()}, loratwin ${VERSION}` }, fleetAssets()));
}

/** The page of one fleet that was simulated, or of two. */
export function writeFleet(io: Io, file: string, title: string, fleets: readonly SimulatedFleet[]): void {
  writeFleetPage(io, file, {
    title,
    facts: [
      { label: fleets.length > 1 ? "Policies" : "Policy", value: fleets.map(({ policy }) => policy).join(", ") },
      { label: "Jobs", value: `${fleets[0]!.outcomes.length}` },
      { label: "Pipelines", value: `${fleets[0]!.metrics.utilisation.length}` },
    ],
    fleets: fleets.map(({ policy, journal, metrics, spent }) =>
      fleetPart(policy, fleetHistory(journal), fleetFigures(metrics), { spent }),
    ),
  });
}
