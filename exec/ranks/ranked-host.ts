import { DeviceError } from "../../core/index.ts";
import { type Completion, createRuntime, type DeviceOptions, type Runtime, type World } from "../../native/index.ts";
import { machinesOf, type Setting, stageRanks } from "../../plan/index.ts";
import type { ModelFolder } from "../model-folder.ts";
import {
  type HostInput,
  localStageDevice,
  type OpenStage,
  openLocalStage,
  type StageDevice,
  type StageHost,
  type StageOpening,
} from "../stage-host.ts";
import { checkStageDigests, stageDigests } from "../weights-digest.ts";
import { neededRanks } from "./needed-ranks.ts";
import { type MachineClock, RankClock } from "./rank-clock.ts";
import { rankDevices } from "./rank-devices.ts";
import { unpackError } from "./rank-errors.ts";
import { areReached, type StageGpu, stageGpus } from "./rank-gpus.ts";
import { RankLink } from "./rank-link.ts";
import { decode, type RankFacts, type RankReport } from "./rank-messages.ts";
import { RankTasks } from "./rank-tasks.ts";
import { type RemoteDevice, remoteDevice } from "./remote-device.ts";

/** How often the ranks' clocks are compared. */
const CLOCK_MS = 10_000;

/** In so long a rank answers that is there, when an end is asked for. */
const ANSWER_MS = 3_000;

export interface RankedHostInput {
  readonly world: World;
  readonly version: string;
  readonly model: Pick<ModelFolder, "folder" | "digest">;
  /** What decides which bytes this machine computes, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Told which way messages take where it is not through the hosts' memory, and which machines are of another kind. */
  readonly note?: ((text: string) => void) | undefined;
}

/**
 * Stages on the machines of a plan, one rank each: rank 0, which is this process, decides and tells the others what to put
 * into their devices' queues; messages between stages and the norms that updates wait for go from rank to rank without it.
 */
export class RankedHost implements StageHost {
  readonly #input: RankedHostInput;
  readonly #runtime: Runtime = createRuntime();
  readonly #links: readonly RankLink[];
  readonly #clocks: readonly RankClock[];
  readonly #tasks: RankTasks;
  readonly #remote = new Map<number, RemoteDevice>();
  readonly #clockTimer: NodeJS.Timeout;
  #setting: Setting | undefined;
  #hostInput: HostInput | undefined;
  #options: readonly (DeviceOptions | undefined)[] = [];
  #opened: Promise<readonly RankFacts[]> = Promise.resolve([]);
  /** By stage, once the ranks have said what they have. */
  #gpus: readonly (StageGpu | undefined)[] = [];
  #onComplete: (completions: readonly Completion[]) => void = () => {};
  #onFailure: (error: DeviceError) => void = () => {};
  #failure: Error | undefined;
  #waiters: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(input: RankedHostInput) {
    const { world } = input;
    this.#input = input;
    this.#links = Array.from({ length: world.size - 1 }, (_, i) => new RankLink(world, i + 1));
    this.#clocks = this.#links.map(() => new RankClock(this.#runtime.originNs));
    this.#tasks = new RankTasks(world, this.#links);
    this.#runtime.join(world);
    this.#runtime.onComplete((batch) => this.#report(0, batch, 0));
    this.#runtime.onError((error) => this.#fail(this.#withNames(error)));
    world.onMessage((from, message) => {
      for (const report of decode<RankReport>(message)) this.#hear(from, report);
    });
    world.onFailure((reason) =>
      this.#fail(new DeviceError({ expected: "all ranks to go on", got: this.#named(reason) })),
    );
    this.#clockTimer = setInterval(() => {
      for (const link of this.#links) link.tell({ kind: "readClock" });
    }, CLOCK_MS);
    this.#clockTimer.unref();
  }

  get clocks(): readonly MachineClock[] {
    const machines = machinesOf(this.#setting!);
    return this.#clocks.flatMap((clock, i) => clock.stateOf(machines[i + 1]!) ?? []);
  }

  prepare(input: HostInput): void {
    const { setting, measureProducts } = input;
    const { world, version, model } = this.#input;
    const machines = machinesOf(setting);
    if (machines.length !== world.size)
      throw new DeviceError({
        expected: neededRanks(setting),
        got: world.size,
        hint: `Start it with \`loratwin launch\`, or with \`mpirun -n ${machines.length} ...\`.`,
      });
    this.#setting = setting;
    this.#hostInput = input;
    this.#options = rankDevices(setting, 0, measureProducts);
    const opening = {
      version,
      setting,
      modelFolder: model.folder,
      modelDigest: model.digest,
      measureProducts,
    };
    const own = stageGpus(this.#options);
    this.#opened = Promise.all(this.#links.map((link) => link.ask<"open">({ kind: "open", opening }))).then((facts) => {
      this.#gpus = stageRanks(setting).map((rank, stage) => (rank === 0 ? own : facts[rank - 1]!.gpus)[stage]);
      this.#noteWays(setting);
      this.#noteKinds(machines, facts);
      return facts;
    });
    this.#opened.catch(() => {});
  }

  #noteWays(setting: Setting): void {
    const machines = machinesOf(setting);
    const ranks = stageRanks(setting);
    const pairs = ranks.flatMap((rank, stage) => {
      const next = ranks[stage + 1];
      const isCrossed = setting.links[stage] != null && next !== undefined && next !== rank;
      return isCrossed && areReached(this.#gpus[stage], this.#gpus[stage + 1]) ? [[rank, next] as const] : [];
    });
    if (pairs.length === 0) return;
    const names = new Set(pairs.map((pair) => pair.map((rank) => machines[rank]).join(" and ")));
    const { library } = this.#gpus.find((gpu) => gpu !== undefined)!;
    this.#input.note?.(`messages between ${[...names].join(", ")} go from GPU to GPU (${library})`);
  }

  #noteKinds(machines: readonly string[], facts: readonly RankFacts[]): void {
    const { versions } = this.#input;
    facts.forEach((other, i) => {
      const differing = Object.keys(versions).filter((name) => versions[name] !== other.versions[name]);
      if (differing.length === 0) return;
      const named = differing.map((name) => `${name} ${other.versions[name]} instead of ${versions[name]}`);
      this.#input.note?.(
        `machine ${machines[i + 1]} (${other.host}) has ${named.join(", ")}: adapters may differ in bytes from those of machines of one kind`,
      );
    });
  }

  async openStage(opening: StageOpening): Promise<OpenStage> {
    await this.#opened;
    const { stage, domain, arenaBytes, weightsBefore } = opening;
    const setting = this.#setting!;
    const rank = stageRanks(setting)[stage.index]!;
    if (rank === 0) {
      const options = this.#options[stage.index]!;
      const { device, weights } = await openLocalStage(this.#runtime, options, this.#hostInput!, opening);
      const own: StageDevice = {
        ...localStageDevice(device, (other) => this.#tasks.localOf(other)),
        ...this.#tasks.enqueueing(() => own),
      };
      this.#tasks.place(own, { stage: stage.index, rank, local: device, gpu: this.#gpus[stage.index] });
      return { device: own, weights };
    }
    await weightsBefore;
    const link = this.#links[rank - 1]!;
    // While the other loads, this one reads the same tensors of its own copy.
    const [{ weights, statistics, digests }, own] = await Promise.all([
      link.ask<"stage">({ kind: "stage", stage: stage.index, domain, arenaBytes }),
      stageDigests(this.#hostInput!.model, stage),
    ]);
    if (own !== undefined) checkStageDigests(own, digests ?? new Map(), this.#input.model.folder, this.#nameOf(rank));
    const { name } = setting.devices[stage.device]!;
    const device: RemoteDevice = remoteDevice({
      link,
      stage: stage.index,
      name,
      statistics,
      enqueueing: this.#tasks.enqueueing(() => device),
    });
    this.#tasks.place(device, { stage: stage.index, rank, local: undefined, gpu: this.#gpus[stage.index] });
    this.#remote.set(stage.index, device);
    return { device, weights };
  }

  /**
   * Where a rank was lost the launcher asks the others for an end, too: they would wait for it until it is missed, and be
   * killed before that.
   */
  ending(): void {
    for (const link of this.#links) {
      const timer = setTimeout(
        () =>
          this.#fail(
            new DeviceError({
              expected: `${this.#nameOf(link.rank)} to answer within ${ANSWER_MS / 1000} s, as an end was asked for,`,
              got: "no answer",
              hint: "The run goes on from its newest checkpoint: `loratwin resume`.",
            }),
          ),
        ANSWER_MS,
      );
      timer.unref();
      const answered = (): void => clearTimeout(timer);
      link.ask<"settle">({ kind: "settle" }).then(answered, answered);
    }
  }

  async settle(): Promise<void> {
    for (const link of this.#links) link.tell({ kind: "readClock" });
    const reports = await Promise.all(this.#links.map((link) => link.ask<"settle">({ kind: "settle" })));
    for (const [rank, stages] of reports.entries())
      for (const [stage, { samples, ...report }] of stages)
        this.#remote.get(stage)!.update({
          ...report,
          samples: samples.map((sample) => ({ ...sample, atNs: this.#clocks[rank]!.atRank0(sample.atNs) })),
        });
  }

  createEvents(count: number): number {
    for (const link of this.#links) link.tell({ kind: "events", count });
    return this.#runtime.createEvents(count);
  }

  createNormCells(count: number): number {
    for (const link of this.#links) link.tell({ kind: "cells", count });
    return this.#runtime.createNormCells(count);
  }

  renewEvents(events: readonly number[]): void {
    const [own = [], ...others] = this.#tasks.renewed(events);
    this.#runtime.renewEvents(own);
    for (const [i, renewed] of others.entries())
      if (renewed.length > 0) this.#links[i]!.tell({ kind: "renew", events: renewed });
  }

  signal(event: number): void {
    for (const link of this.#links) link.tell({ kind: "signal", event });
    this.#runtime.signal(event);
  }

  nowNs(): number {
    return this.#runtime.nowNs();
  }

  onComplete(callback: (completions: readonly Completion[]) => void): void {
    this.#onComplete = callback;
  }

  /** No pipeline goes on without the others: all ranks end with the first failure (`onFailure`). */
  onError(): void {}

  onFailure(callback: (error: DeviceError) => void): void {
    this.#onFailure = callback;
  }

  idle(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#tasks.numOpen === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  abandon(): void {
    this.#leave();
    this.#runtime.abandon();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#clockTimer);
    this.#runtime[Symbol.dispose]();
    this.#leave();
  }

  /** The others stop where the run has failed; a run that has not goes on with them. */
  #leave(): void {
    clearInterval(this.#clockTimer);
    if (this.#failure === undefined) return;
    for (const link of this.#links) {
      link.tell({ kind: "abort", reason: this.#failure.message });
      link.flush();
    }
  }

  #hear(rank: number, report: RankReport): void {
    const link = this.#links[rank - 1]!;
    switch (report.kind) {
      case "answer":
        link.answer(report.call, report.value);
        return;
      case "refused":
        link.refuse(report.call, unpackError(report.error, this.#nameOf(rank)));
        return;
      case "completions":
        this.#report(rank, report.completions, report.originNs);
        return;
      case "failed":
        this.#fail(unpackError(report.error, this.#nameOf(rank)));
        return;
      case "clock":
        this.#clocks[rank - 1]!.add(report.reading);
    }
  }

  /** `originNs`: what the rank's clock showed when the times of its completions were 0. */
  #report(rank: number, completions: readonly Completion[], originNs: number): void {
    const clock = this.#clocks[rank - 1];
    const time = (ns: number): number => (clock === undefined ? ns : clock.atRank0(originNs + ns));
    const told = this.#tasks.report(
      rank,
      completions.map((done) => ({ ...done, startNs: time(done.startNs), endNs: time(done.endNs) })),
    );
    if (told.length > 0) this.#onComplete(told);
    if (this.#tasks.numOpen > 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve();
  }

  /** A run over several machines ends with the first failure: the others wait for what never comes. */
  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    const failure =
      error instanceof DeviceError ? error : new DeviceError({ expected: "its ranks to go on", got: error.message });
    this.#failure = failure;
    for (const link of this.#links) link.fail(failure);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(failure);
    this.#onFailure(failure);
  }

  /** "rank 1 (machine b, stages 2 and 3)" */
  #nameOf(rank: number): string {
    if (this.#setting === undefined) return `rank ${rank}`;
    const stages = stageRanks(this.#setting).flatMap((own, stage) => (own === rank ? [stage] : []));
    const text = stages.length === 1 ? `stage ${stages[0]}` : `stages ${stages.join(", ")}`;
    return `rank ${rank} (machine ${machinesOf(this.#setting)[rank]}${stages.length === 0 ? "" : `, ${text}`})`;
  }

  /** A stream that waits for a rank that is gone says so in the words of its channel. */
  #withNames(error: DeviceError): DeviceError {
    const { detail, ...facts } = error.facts;
    if (detail === undefined || !/\brank \d/.test(detail)) return error;
    return new DeviceError({ ...facts, expected: "all ranks to go on", got: this.#named(detail) });
  }

  #named(reason: string): string {
    return reason.replace(/\brank (\d+)\b/g, (_, rank: string) => this.#nameOf(Number(rank)));
  }
}
