import { type FleetWork, type PolicyFactory, type PolicyName, roomTable } from "../../plan/index.ts";
import {
  calibrationFactors,
  type EndSpread,
  type FleetMachines,
  type FleetModel,
  type PredictedTime,
  pacePaths,
  predictEnds,
  type TimeFactors,
  type WhatIfAnswer,
  whatIf,
} from "../../sim/index.ts";
import { LEVEL, movesOf, SAMPLES } from "../../workbench/index.ts";
import type { KnownWorks } from "./known-works.ts";
import type { LiveFleet } from "./live-fleet.ts";
import type { LiveSubmission } from "./live-job.ts";
import { LivePace } from "./live-pace.ts";

/** What a live fleet is simulated with, from now on. */
export interface FutureInput {
  readonly fleet: LiveFleet;
  readonly works: KnownWorks;
  /** Whether to reckon with how fast this machine was before. */
  readonly withHistory: boolean;
  /** What some jobs are simulated with: those of the fleet, or one more that might come. */
  readonly modelOf: (works: readonly FleetWork[]) => FleetModel;
}

function machinesOf(model: FleetModel, policy: LiveFleet["policy"]): FleetMachines {
  return { resources: model.resources, times: model.timesOf(policy), isAhead: true };
}

const SECOND = 1e9;

/** Predictions are made anew after so long. */
const KEPT_MS = 2000;

/** What will happen in a live fleet, by simulation from the state that it is in. Nothing is changed. */
export class LiveFuture {
  readonly #input: FutureInput;
  readonly #machines: FleetMachines;
  readonly #before: TimeFactors;
  readonly #pace: LivePace;
  #known: { readonly atMs: number; readonly ends: ReadonlyMap<number, PredictedTime> } | undefined;

  constructor(input: FutureInput) {
    this.#input = input;
    const { fleet, works, modelOf, withHistory } = input;
    const { calibration } = fleet.setting;
    const model = modelOf(works.all);
    this.#machines = machinesOf(model, fleet.policy);
    this.#before = calibrationFactors(calibration, 0, movesOf({ withHistory }, calibration));
    this.#pace = new LivePace(fleet, model.timesOf(fleet.policy));
  }

  /** By number, of the jobs that are there and will end; a moment old at most. */
  predictedEnds(): ReadonlyMap<number, PredictedTime> {
    const atMs = performance.now();
    if (this.#known !== undefined && atMs - this.#known.atMs < KEPT_MS) return this.#known.ends;
    const { fleet } = this.#input;
    const now = { state: fleet.state(), machines: this.#machines, policy: fleet.policy };
    const ends = new Map(
      predictEnds(now, this.#spread()).map(({ number, endNs, lowNs, highNs }) => [
        number,
        { seconds: endNs / SECOND, low: lowNs / SECOND, high: highNs / SECOND },
      ]),
    );
    this.#known = { atMs, ends };
    return ends;
  }

  /** What would happen if a job came now, under the fleet's policy or another. */
  whatIf({ work, job }: LiveSubmission, other?: PolicyName | PolicyFactory): WhatIfAnswer {
    const { fleet, works, modelOf } = this.#input;
    const model = modelOf([...works.all, work]);
    const policy = other === undefined ? fleet.policy : model.policyOf(other);
    return whatIf({
      now: { state: fleet.state(), machines: machinesOf(model, policy), policy },
      job: { request: fleet.requestOf(job, work) },
      spread: this.#spread(),
      memoryTable: () => roomTable(fleet.setting, work.job),
    });
  }

  #spread(): EndSpread {
    const paths = pacePaths({ before: this.#before, seen: this.#pace.seen, seed: 0 });
    return { paths, draws: SAMPLES, level: LEVEL, seed: 0 };
  }
}
