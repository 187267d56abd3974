import { setTimeout as sleep } from "node:timers/promises";
import { type FleetWork, type PolicyFactory, type PolicyName, roomTable } from "../../plan/index.ts";
import {
  type AskedFleet,
  calibrationFactors,
  type EndSpread,
  type FleetMachines,
  type FleetModel,
  type FleetState,
  type PredictedTime,
  pacePaths,
  predictEnds,
  type TimeFactors,
  type WhatIfAnswer,
  whatIf,
} from "../../sim/index.ts";
import { LEVEL, movesOf, SAMPLES } from "../../workbench/index.ts";
import { BackgroundEnds } from "./background-ends.ts";
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
  /** What a thread of its own has to know of it; undefined where only this one can tell, as of a policy of one's own. */
  readonly asked: AskedFleet | undefined;
}

/** A predicted end, by what the fleet was like at a time of its clock. */
export interface KnownEnd extends PredictedTime {
  readonly asOfSeconds: number;
}

export type KnownEnds = ReadonlyMap<number, KnownEnd>;

function machinesOf(model: FleetModel, policy: LiveFleet["policy"]): FleetMachines {
  return { resources: model.resources, times: model.timesOf(policy), isAhead: true };
}

const SECOND = 1e9;

/** Predictions are made anew after so long, and after so many times what the last ones took. */
const KEPT_MS = 2000;
const REST = 9;
/** Who asks first waits for an answer at most so long; nobody does in a fleet of so many jobs, whose future takes longer. */
const WAIT_MS = 1000;
const MANY = 200;

/** What will happen in a live fleet, by simulation from the state that it is in. Nothing is changed. */
export class LiveFuture implements AsyncDisposable {
  readonly #input: FutureInput;
  readonly #machines: FleetMachines;
  readonly #before: TimeFactors;
  readonly #pace: LivePace;
  #background: BackgroundEnds | undefined;
  #known: { readonly untilMs: number; readonly ends: KnownEnds } | undefined;
  #asked: Promise<void> | undefined;

  constructor(input: FutureInput) {
    this.#input = input;
    const { fleet, works, modelOf, withHistory, asked } = input;
    this.#background = asked && new BackgroundEnds(asked, works);
    const { calibration } = fleet.setting;
    const model = modelOf(works.all);
    this.#machines = machinesOf(model, fleet.policy);
    this.#before = calibrationFactors(calibration, 0, movesOf({ withHistory }, calibration));
    this.#pace = new LivePace(fleet, model.timesOf(fleet.policy));
  }

  /**
   * By number, of the jobs that are there and will end, as it was known last: a thread of its own finds out what is new
   * while the fleet trains. Who asks before anything is known, or for what has just changed (`isNew`), waits a moment.
   */
  async predictedEnds(isNew = false): Promise<KnownEnds> {
    const background = this.#background;
    if (background === undefined) return this.predictedNow();
    const isOld = this.#known === undefined || performance.now() >= this.#known.untilMs;
    // What is asked for already may be of the time before.
    const asked = isNew ? (this.#asked ?? Promise.resolve()).then(() => this.#ask()) : isOld ? this.#ask() : undefined;
    const mayBeSoon = this.#input.works.all.length < MANY;
    if (asked !== undefined && mayBeSoon && (isNew || this.#known === undefined))
      await Promise.race([asked, sleep(WAIT_MS, undefined, { ref: false })]);
    return this.#known?.ends ?? new Map();
  }

  /** The same, computed here where it is not a moment old. */
  predictedNow(): KnownEnds {
    const now = performance.now();
    if (this.#known !== undefined && now < this.#known.untilMs) return this.#known.ends;
    const ends = this.#endsFrom(this.#input.fleet.state());
    this.#known = { untilMs: now + KEPT_MS, ends };
    return ends;
  }

  #ask(): Promise<void> {
    this.#asked ??= this.#refresh().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async #refresh(): Promise<void> {
    const [began, { fleet }] = [performance.now(), this.#input];
    try {
      const { state, ends } = await this.#background!.from(() => fleet.state());
      const now = performance.now();
      this.#known = { untilMs: now + Math.max(KEPT_MS, REST * (now - began)), ends: this.#endsFrom(state, ends) };
    } catch {
      // The thread is gone: from now on they are computed here.
      this.#background = undefined;
    }
  }

  #endsFrom(state: FleetState, known?: ReadonlyMap<number, number>): KnownEnds {
    const now = { state, machines: this.#machines, policy: this.#input.fleet.policy };
    const asOfSeconds = state.atNs / SECOND;
    return new Map(
      predictEnds(now, this.#spread(), known).map(({ number, endNs, lowNs, highNs }) => [
        number,
        { seconds: endNs / SECOND, low: lowNs / SECOND, high: highNs / SECOND, asOfSeconds },
      ]),
    );
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#background?.[Symbol.asyncDispose]();
  }

  #spread(): EndSpread {
    const paths = pacePaths({ before: this.#before, seen: this.#pace.seen, seed: 0 });
    return { paths, draws: SAMPLES, level: LEVEL, seed: 0 };
  }
}
