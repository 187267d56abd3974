import path from "node:path";
import { sum } from "../core/index.ts";
import {
  type BothWays,
  type FleetHistory,
  fleetHistory,
  type PartedDecisions,
  type PolicyFactory,
  type PolicyName,
} from "../plan/index.ts";
import { type FleetFigure, fleetComparison, fleetPart } from "../reports/index.ts";
import { isGoingOn, type RunOfFleet, spentOf, twinOfFleet } from "../runs/index.ts";
import type { FleetMetrics } from "../sim/index.ts";
import type { Io } from "./io.ts";
import { fleetFigures, writeFleetPage } from "./write-fleet.ts";

/** How far a fleet got. */
function standing(fleet: RunOfFleet, history: FleetHistory): string {
  const times = fleet.events.filter(({ event }) => event === "resumed").length;
  const resumed = times === 0 ? "" : `, was cut off and gone on with ${times === 1 ? "once" : `${times} times`}`;
  return `${reached(fleet, history)}${resumed}`;
}

function reached(fleet: RunOfFleet, { jobs }: FleetHistory): string {
  if (fleet.state !== "unfinished") return fleet.state;
  const ended = jobs.filter(({ endNs }) => endNs !== undefined).length;
  const what = isGoingOn(fleet) ? "goes on" : "was cut off";
  return `${what}; figures are of the ${ended} of ${jobs.length} jobs that have ended`;
}

export interface LiveFleetPage {
  /** The folder's name when absent. */
  readonly title: string | undefined;
  /** Of the twin, where it is another one than the fleet's. */
  readonly policy: PolicyName | PolicyFactory | undefined;
}

interface PartedDecision {
  readonly kind: string;
  readonly job: string;
  readonly atSeconds: number;
  readonly laterSeconds: number | null;
}

/** What a fleet came to that the simulator went on with from the decision. */
interface Onward {
  readonly meanTurnaroundSeconds: number;
  /** From the first arrival to the last end. */
  readonly makespanSeconds: number;
  /** By job. */
  readonly endSeconds: Readonly<Record<string, number>>;
}

/** Of jobs that have ended both ways; all but `whyNot` are null where it cannot be simulated. */
interface WhatHung {
  readonly whyNot: string | null;
  readonly executed: Onward | null;
  readonly simulated: Onward | null;
}

function hungFacts(hung: BothWays | string): WhatHung {
  if (typeof hung === "string") return { whyNot: hung, executed: null, simulated: null };
  const onward = (way: "own" | "other"): Onward => ({
    meanTurnaroundSeconds: hung[way].meanTurnaroundNs / 1e9,
    makespanSeconds: hung[way].makespanNs / 1e9,
    endSeconds: Object.fromEntries(hung.ends.map((end) => [end.name, end[`${way}Ns`] / 1e9])),
  });
  return { whyNot: null, executed: onward("other"), simulated: onward("own") };
}

/** For programs. `hung`: there where decisions part. */
export function partedFacts(
  parted: PartedDecisions | undefined,
  hung: BothWays | string | undefined,
): WrittenLiveFleet["parted"] {
  if (parted === undefined || hung === undefined) return null;
  const factsOf = (at: 0 | 1): PartedDecision | null => {
    const [decision, laterNs] = [parted.decisions[at], parted.laterNs[at]];
    if (decision === undefined) return null;
    const { kind, name: job, atNs } = decision;
    return { kind, job, atSeconds: atNs / 1e9, laterSeconds: laterNs === undefined ? null : laterNs / 1e9 };
  };
  return { executed: factsOf(0), simulated: factsOf(1), hung: hungFacts(hung) };
}

/** What was written, for people and programs. */
export interface WrittenLiveFleet {
  readonly state: RunOfFleet["state"];
  readonly jobs: number;
  readonly decisions: number;
  /** Of those, the first ones that the twin made too; null where there is no twin, since the fleet was cut off. */
  readonly sameDecisions: number | null;
  /**
   * The first decisions that differ, and how many seconds later each fleet decided what the other did there: null where
   * it never did. `hung`: how the simulator goes on with each of the two. Null where none differ.
   */
  readonly parted: {
    readonly executed: PartedDecision | null;
    readonly simulated: PartedDecision | null;
    readonly hung: WhatHung;
  } | null;
  /** By job: simulated / executed turnaround - 1; null unless it has ended in both. */
  readonly turnaroundErrors: Readonly<Record<string, number | null>>;
}

/** Without bounds: they are of some steps of each job at predicted times, and these fleets are of every single action. */
function figuresOf(metrics: FleetMetrics): readonly FleetFigure[] {
  return fleetFigures({ ...metrics, bounds: null });
}

/** The page of a live fleet's folder: what was executed, beside its twin. */
export function writeLiveFleet(
  io: Io,
  file: string,
  folder: string,
  fleet: RunOfFleet,
  { title = `${path.basename(path.resolve(io.cwd, folder))} over time`, policy }: LiveFleetPage,
): WrittenLiveFleet {
  const { twin, executed, decisions, whatHung } = twinOfFleet(fleet, policy);
  const hung = whatHung();
  const { lines } = fleet;
  const history = fleetHistory(fleet.since === undefined ? lines : [...lines, fleet.since]);
  const simulated = twin && fleetHistory(twin.journal);
  const comparison = simulated && decisions && fleetComparison(history, simulated, decisions, hung);
  const { setting } = fleet;
  writeFleetPage(io, file, {
    title,
    facts: [
      { label: "Policy", value: fleet.policy ?? "–" },
      ...(twin === undefined || fleet.policy === twin.policy
        ? []
        : [{ label: "Policy of the twin", value: twin.policy }]),
      ...(twin === undefined
        ? []
        : [{ label: "Times of the twin", value: "the calibration's; `compare RUN` takes the machine's speed out" }]),
      { label: "Run", value: standing(fleet, history) },
      { label: "Jobs", value: `${history.jobs.length}` },
      { label: "Pipelines", value: `${setting.pipelines.length}` },
      { label: "Devices", value: setting.devices.map(({ name }) => name).join(", ") },
    ],
    fleets: [
      fleetPart("executed", history, figuresOf(executed), {
        ...{ losses: fleet.metrics, evaluations: fleet.evaluations, samples: fleet.samples },
        spent: spentOf(fleet.events, fleet.metrics),
      }),
      ...(twin && simulated ? [fleetPart("simulated", simulated, figuresOf(twin.metrics), { spent: twin.spent })] : []),
    ],
    ...(comparison === undefined ? {} : { comparison }),
  });
  return {
    state: fleet.state,
    jobs: history.jobs.length,
    decisions: sum(lines.map((line) => line.decisions.length)),
    sameDecisions: decisions?.numSame ?? null,
    parted: partedFacts(decisions?.parted, hung),
    turnaroundErrors: Object.fromEntries(
      history.jobs.map(({ request }, job) => [request.name, comparison?.error[job] ?? null]),
    ),
  };
}
