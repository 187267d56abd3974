import { hostname } from "node:os";
import { DeviceError, InputError, InvariantError } from "../../core/index.ts";
import {
  createRuntime,
  type Device,
  type DeviceOptions,
  nativeInfo,
  type Runtime,
  type World,
} from "../../native/index.ts";
import type { BaseModel } from "../model-folder.ts";
import { openLocalStage } from "../stage-host.ts";
import { stageDigests } from "../weights-digest.ts";
import { RankChannels } from "./rank-channels.ts";
import { rankDevices } from "./rank-devices.ts";
import { packError } from "./rank-errors.ts";
import { stageGpus } from "./rank-gpus.ts";
import {
  decode,
  encode,
  type RankAnswers,
  type RankCommand,
  type RankOpening,
  type RankReport,
} from "./rank-messages.ts";

export interface ServedRank {
  readonly world: World;
  readonly version: string;
  /** What this machine runs on, for people. */
  readonly versions: Readonly<Record<string, string>>;
  /** The base model in a folder, and the digest of what is in it. @throws InputError */
  openModel(folder: string): BaseModel & { readonly digest: string };
}

/** The stages of a rank, which rank 0 tells what to do. */
class RankStages implements Disposable {
  readonly #input: ServedRank;
  readonly #runtime: Runtime = createRuntime();
  readonly #channels: RankChannels;
  readonly #devices = new Map<number, Device>();
  #opening: RankOpening | undefined;
  #model: BaseModel | undefined;
  #options: readonly (DeviceOptions | undefined)[] = [];
  #unsent: RankReport[] = [];
  #end: (error: Error | undefined) => void = () => {};
  readonly ended: Promise<void>;
  readonly #isClockRead: Promise<void>;

  constructor(input: ServedRank) {
    this.#input = input;
    const { world } = input;
    this.#channels = new RankChannels(world);
    this.ended = new Promise((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#runtime.join(world);
    this.#runtime.onComplete((completions) =>
      this.#tell({ kind: "completions", originNs: this.#runtime.originNs, completions }),
    );
    this.#runtime.onError((error) => this.#tell({ kind: "failed", error: packError(error) }));
    this.#isClockRead = new Promise((resolve) => {
      world.onReading((reading) => {
        this.#tell({ kind: "clock", reading });
        resolve();
      });
    });
    world.onFailure((reason) => this.#end(new DeviceError({ expected: "all ranks to go on", got: reason })));
    world.onMessage((_, message) => {
      for (const command of decode<RankCommand>(message)) this.#obey(command);
    });
  }

  [Symbol.dispose](): void {
    this.#runtime[Symbol.dispose]();
  }

  #tell(report: RankReport): void {
    this.#unsent.push(report);
    if (this.#unsent.length > 1) return;
    queueMicrotask(() => {
      this.#input.world.post(0, encode(this.#unsent));
      this.#unsent = [];
    });
  }

  #obey(command: RankCommand): void {
    try {
      if ("call" in command) this.#answer(command);
      else this.#carryOut(command);
    } catch (error) {
      this.#tell({ kind: "failed", error: packError(error) });
    }
  }

  #answer(command: Extract<RankCommand, { readonly call: number }>): void {
    const { call } = command;
    const refuse = (error: unknown): void => this.#tell({ kind: "refused", call, error: packError(error) });
    const answer = (value: RankAnswers[keyof RankAnswers]): void => this.#tell({ kind: "answer", call, value });
    try {
      const value = this.#valueOf(command);
      if (value instanceof Promise) void value.then(answer, refuse);
      else answer(value);
    } catch (error) {
      refuse(error);
    }
  }

  #valueOf(
    command: Extract<RankCommand, { readonly call: number }>,
  ): RankAnswers[keyof RankAnswers] | Promise<RankAnswers[keyof RankAnswers]> {
    switch (command.kind) {
      case "open":
        return this.#open(command.opening);
      case "stage":
        return this.#openStage(command);
      case "links":
        return this.#openLinks(command.arenaBytes);
      case "adapter":
        return this.#createAdapter(command);
      case "read":
        return this.#deviceOf(command.stage).readAdapter(command.adapter, command.part);
      case "arena":
        return this.#deviceOf(command.stage).readArena(command.offset, command.count);
      case "settle":
        return [...this.#devices].map(([stage, device]) => {
          const samples = device
            .takeSpeedSamples()
            .map((sample) => ({ ...sample, atNs: this.#runtime.originNs + sample.atNs }));
          return [stage, { statistics: device.statistics(), samples, products: device.products() }] as const;
        });
    }
  }

  #open(opening: RankOpening): Promise<RankAnswers["open"]> {
    const { world, version, versions, openModel } = this.#input;
    if (opening.version !== version)
      throw new DeviceError({ expected: `version ${opening.version} of loratwin, as on rank 0,`, got: version });
    const model = openModel(opening.modelFolder);
    if (model.digest !== opening.modelDigest)
      throw new InputError({
        expected: "the model that the plan was made for",
        file: opening.modelFolder,
        got: "another one",
        hint: "Every machine needs the same model in the same folder.",
      });
    this.#opening = opening;
    this.#model = model;
    this.#options = rankDevices(opening.setting, world.rank, opening.measureProducts);
    // Times are told once rank 0 knows this rank's clock.
    world.readClock();
    const gpus = stageGpus(this.#options);
    return this.#isClockRead.then(() => ({ host: hostname(), versions, gpus }));
  }

  /** A device that does nothing but send and receive, in the place of a stage. */
  #openLinks(arenaBytes: number): Promise<RankAnswers["links"]> {
    const device = this.#runtime.createDevice({ name: "link", cores: [nativeInfo().cores[0]!] });
    device.reserveArena(arenaBytes);
    this.#devices.set(0, device);
    this.#input.world.readClock();
    return this.#isClockRead.then(hostname);
  }

  async #openStage({
    stage: index,
    domain,
    arenaBytes,
  }: Extract<RankCommand, { readonly kind: "stage" }>): Promise<RankAnswers["stage"]> {
    const { setting } = this.#opening!;
    const stage = setting.stages[index]!;
    const { device, weights } = await openLocalStage(
      this.#runtime,
      this.#options[index]!,
      { setting, model: this.#model! },
      { stage, domain, arenaBytes, weightsBefore: Promise.resolve() },
    );
    this.#devices.set(index, device);
    const digests = await stageDigests(this.#model!, stage);
    return { weights, statistics: device.statistics(), digests };
  }

  #createAdapter({ stage, adapter, entries, frozen }: Extract<RankCommand, { readonly kind: "adapter" }>): number {
    const device = this.#deviceOf(stage);
    const before = device.statistics().memory.adaptersBytes;
    const handle = device.createAdapter(entries, frozen);
    if (handle !== adapter) throw new InvariantError({ expected: `adapter ${adapter}`, got: handle });
    return device.statistics().memory.adaptersBytes - before;
  }

  #deviceOf(stage: number): Device {
    const device = this.#devices.get(stage);
    if (device === undefined)
      throw new InvariantError({ expected: `a stage of rank ${this.#input.world.rank}`, got: stage });
    return device;
  }

  #carryOut(command: Exclude<RankCommand, { readonly call: number }>): void {
    switch (command.kind) {
      case "events":
        this.#runtime.createEvents(command.count);
        return;
      case "cells":
        this.#runtime.createNormCells(command.count);
        return;
      case "renew":
        this.#runtime.renewEvents(command.events);
        return;
      case "signal":
        this.#runtime.signal(command.event);
        return;
      case "readClock":
        this.#input.world.readClock();
        return;
      case "end":
        this.#end(undefined);
        return;
      case "abort":
        this.#end(new DeviceError({ expected: "rank 0 to go on", got: command.reason }));
        return;
      case "program":
        this.#deviceOf(command.stage).createProgram(command.operators);
        return;
      case "write":
        this.#deviceOf(command.stage).writeAdapter(command.adapter, command.part, command.data);
        return;
      case "release":
        this.#deviceOf(command.stage).releaseAdapter(command.adapter);
        return;
      case "sampleSpeed":
        this.#deviceOf(command.stage).sampleSpeed(command.dtype, command.everyNs);
        return;
      default:
        this.#enqueue(command);
    }
  }

  #enqueue(command: Extract<RankCommand, { readonly task: unknown }>): void {
    const device = this.#deviceOf(command.stage);
    switch (command.kind) {
      case "run":
        device.enqueueRun(command.task);
        return;
      case "update":
        device.enqueueUpdate(command.task);
        return;
      case "copy":
        device.enqueueSend({ ...command.task, destination: this.#deviceOf(command.toStage) });
        return;
      case "fault":
        device.enqueueFault(command.task, command.fault);
        return;
      case "send":
      case "receive": {
        const { task } = command;
        const channel = this.#channels.to(task.peer, task.channel, task.way);
        if (command.kind === "send") device.enqueueChannelSend({ ...task, channel });
        else device.enqueueReceive({ ...task, channel });
      }
    }
  }
}

/** Runs the stages of this rank until rank 0 says that all is done. @throws DeviceError where a rank has failed */
export async function serveRank(input: ServedRank): Promise<void> {
  using stages = new RankStages(input);
  await stages.ended;
  await input.world.finish();
  input.world.close();
}
