import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../../core/index.ts";
import { type FleetWork, type PolicyFactory, type PolicyName, roomTable } from "../../plan/index.ts";
import {
  type AskedFleet,
  type ComerEffect,
  calibrationFactors,
  type EndSpread,
  expectedEnds,
  type FleetMachines,
  type FleetModel,
  type FleetState,
  interruptedPaths,
  type PredictedTime,
  pacePaths,
  predictEnds,
  steadyPaths,
  type TimeFactors,
  type TimePaths,
  type WhatIfAnswer,
  whatIf,
} from "../../sim/index.ts";
import type { Outlook } from "../../traces/index.ts";
import { FLEET_SAMPLES, LEVEL, type MachineMoves } from "../../workbench/index.ts";
import { BackgroundFuture } from "./background-future.ts";
import type { KnownWorks } from "./known-works.ts";
import type { LiveFleet } from "./live-fleet.ts";
import type { LiveSubmission } from "./live-job.ts";
import { LivePace } from "./live-pace.ts";

/** What a live fleet is simulated with, from now on. */
export interface FutureInput {
  readonly fleet: LiveFleet;
  readonly works: KnownWorks;
  /** In what ways the machine may run. */
  readonly moves: MachineMoves | undefined;
  /** What some jobs are simulated with: those of the fleet, or one more that might come. */
  readonly modelOf: (works: readonly FleetWork[]) => FleetModel;
  /** What each interruption of the fleet has cost so far, in nanoseconds. */
  readonly interruptionsNs: readonly number[];
  /** What a thread of its own has to know of it; undefined where only this one can tell, as of a policy of one's own. */
  readonly asked: AskedFleet | undefined;
}

/** A predicted end, by what the fleet was like at a time of its clock; of the machine as it is now, where that is known. */
export interface KnownEnd extends PredictedTime {
  readonly asOfSeconds: number;
  readonly outlooks?: Readonly<Record<Outlook, PredictedTime>>;
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
  readonly #before: (outlook: Outlook) => TimeFactors;
  readonly #pace: LivePace;
  #background: BackgroundFuture | undefined;
  #known: { readonly untilMs: number; readonly ends: KnownEnds } | undefined;
  #asked: Promise<void> | undefined;

  constructor(input: FutureInput) {
    this.#input = input;
    const { fleet, works, modelOf, moves, asked } = input;
    this.#background = asked && new BackgroundFuture(asked, works);
    const { calibration } = fleet.setting;
    const model = modelOf(works.all);
    this.#machines = machinesOf(model, fleet.policy);
    this.#before = (outlook) => calibrationFactors(calibration, 0, moves, outlook);
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
      this.#known = {
        untilMs: now + Math.max(KEPT_MS, REST * (now - began)),
        ends: this.#endsFrom(state, new Map(ends)),
      };
    } catch {
      // The thread is gone: from now on they are computed here.
      this.#background = undefined;
    }
  }

  #endsFrom(state: FleetState, known?: ReadonlyMap<number, number>): KnownEnds {
    const now = { state, machines: this.#machines, policy: this.#input.fleet.policy };
    const asOfSeconds = state.atNs / SECOND;
    const expected = known ?? expectedEnds(now);
    const endsOf = (spread: EndSpread): ReadonlyMap<number, PredictedTime> =>
      new Map(
        predictEnds(now, spread, expected).map(({ number, endNs, lowNs, highNs }) => [
          number,
          { seconds: endNs / SECOND, low: lowNs / SECOND, high: highNs / SECOND },
        ]),
      );
    const ends = endsOf(this.#spread());
    const others = this.#others();
    const [alone, been] = [others?.alone, others?.been].map((spread) => spread && endsOf(spread));
    return new Map(
      [...ends].map(([number, end]) => {
        const outlooks = alone && been && { alone: alone.get(number)!, now: end, been: been.get(number)! };
        return [number, { ...end, asOfSeconds, ...(outlooks && { outlooks }) }];
      }),
    );
  }

  /**
   * What would happen if a job came now, under the fleet's policy or another. A thread of its own simulates it where that
   * knows the policy.
   */
  async whatIf(submission: LiveSubmission, other?: PolicyName | PolicyFactory): Promise<WhatIfAnswer> {
    const { fleet } = this.#input;
    const { work, job } = submission;
    if (typeof other === "function" || this.#background === undefined) return this.whatIfNow(submission, other);
    try {
      const comer = () => ({
        work,
        request: fleet.requestOf(job, work),
        ...(other === undefined ? {} : { policy: other }),
      });
      const { state, effect } = await this.#background.from(() => fleet.state(), comer);
      return this.#whatIfFrom(submission, state, other, effect);
    } catch (error) {
      if (error instanceof InputError) throw error;
      this.#background = undefined;
      return this.whatIfNow(submission, other);
    }
  }

  /** The same, computed here. */
  whatIfNow(submission: LiveSubmission, other?: PolicyName | PolicyFactory): WhatIfAnswer {
    return this.#whatIfFrom(submission, this.#input.fleet.state(), other);
  }

  #whatIfFrom(
    { work, job }: LiveSubmission,
    state: FleetState,
    other?: PolicyName | PolicyFactory,
    effect?: ComerEffect,
  ): WhatIfAnswer {
    const { fleet, works, modelOf } = this.#input;
    // A job may have come since then.
    const model = modelOf([...works.all.slice(0, state.numJobs), work]);
    const policy = other === undefined ? fleet.policy : model.policyOf(other);
    const now = { state, machines: machinesOf(model, policy), policy };
    const spread = this.#spread();
    const memoryTable = () => roomTable(fleet.setting, work.job);
    const request = { now, job: { request: fleet.requestOf(job, work) }, spread, others: this.#others(), memoryTable };
    return whatIf(request, effect);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#background?.[Symbol.asyncDispose]();
  }

  /** Of a machine as it is now, and as it may be then. */
  #spread(): EndSpread {
    const [before, atFirst] = [this.#before("been"), this.#before("now")];
    return this.#along(pacePaths({ before, atFirst, seen: this.#pace.seen, seed: 0 }));
  }

  /** Of what else may become of the machine, where somebody looked how it is now. */
  #others(): { readonly alone: EndSpread; readonly been: EndSpread } | undefined {
    return this.#input.moves?.now && { alone: this.#steady("alone"), been: this.#steady("been") };
  }

  /** Of a machine that nobody has seen in this run. */
  #steady(outlook: Outlook): EndSpread {
    return { ...this.#along(steadyPaths(this.#before(outlook))), outlook };
  }

  #along(paths: TimePaths): EndSpread {
    const { fleet, interruptionsNs } = this.#input;
    const seen = { costsNs: interruptionsNs, runNs: fleet.nowNs };
    return { paths: interruptedPaths(paths, seen, 0), draws: FLEET_SAMPLES, level: LEVEL, seed: 0 };
  }
}
