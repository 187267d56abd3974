import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError, shellQuoted } from "../../core/index.ts";
import {
  type AdapterPair,
  type AdapterState,
  listener,
  type RunListener,
  readPeftFolder,
  writeJobState,
  writePeftFolder,
} from "../../exec/index.ts";
import { absolute, checkFolder, isFolder, type Place, withoutLock } from "../../files/index.ts";
import {
  beginLine,
  comerLines,
  type FleetComer,
  firstBegin,
  type PlannedJob,
  type Policy,
  type SegmentsBegin,
  type Setting,
  WorkWriter,
} from "../../plan/index.ts";
import { FleetSpeed, keepOwnWork, type ProbedState } from "../../workbench/index.ts";
import { type JournalEvent, type WrittenFolders, withWritten } from "./journal.ts";
import { OwnWorkCount, ownWorkOf } from "./own-work.ts";
import { Records, type RecordsInput } from "./records.ts";
import { RUN_FILES } from "./run-files.ts";
import { checkWritten } from "./written-weights.ts";

type AdapterOwner = Pick<PlannedJob, "name" | "adapter">;

/** What is written of a job that is over: no adapter where it is worth nothing, no best one where none was kept. */
export interface EndedPairs {
  readonly adapter: readonly AdapterPair[] | undefined;
  readonly best: readonly AdapterPair[] | undefined;
}

/** Whether a name in a folder is that of a socket, which holds nothing. */
function isSocket(folder: string, name: string): boolean {
  return lstatSync(path.join(folder, name), { throwIfNoEntry: false })?.isSocket() === true;
}

/**
 * A folder for jobs over time: one that is not there, or holds nothing but what a server listens by.
 * @throws InputError for one that holds something
 */
export function checkNewFleetFolder(place: Place, given: string): void {
  checkFolder(place, given);
  const folder = absolute(place, given);
  const isKept = (name: string): boolean => name !== RUN_FILES.token && !isSocket(folder, name);
  if (isFolder(place, given) && withoutLock(readdirSync(folder)).some(isKept))
    throw new InputError({
      expected: "a new folder, or an empty one",
      at: "--output",
      got: given,
      ...(existsSync(path.join(folder, RUN_FILES.setting))
        ? { hint: `It holds jobs over time: \`loratwin resume ${shellQuoted(given)} WORKLOAD\` goes on with them.` }
        : {}),
    });
}

/** The file with the adapter that a job of a fleet starts from, where no document says which. */
export function startFile(folder: string, name: string): string {
  return path.join(folder, RUN_FILES.starts, `${name}.safetensors`);
}

/**
 * Bytes of the plan as it grew and of what devices reported of it, beyond which both files begin anew: a fleet may train
 * for months.
 */
const MOST_BYTES = 256e6;

/** Of a fleet with fewer, most of what JavaScript does is to begin. */
const LEAST_SEGMENTS = 100;

export interface FleetFolderInput {
  readonly setting: Setting;
  readonly model: string;
  readonly policy: Pick<Policy, "name">;
  readonly mostBytes?: number | undefined;
  readonly prepare?: (() => void) | undefined;
  readonly spent?: RecordsInput["spent"];
  /** What a probe just before said, for the history of the machine's speed; nothing is written there when absent. */
  readonly probed?: ProbedState | undefined;
}

/** The folder of a live fleet, written as things happen: only appended to, so that what is there is whole. */
export class FleetFolder implements Disposable {
  readonly records: Records;
  readonly #mostBytes: number;
  /** Where segments would begin that come now. */
  #begin: SegmentsBegin;
  readonly #setting: Setting;
  readonly #works = new WorkWriter();
  readonly #work = new OwnWorkCount();
  readonly #speed: FleetSpeed | undefined;
  readonly #keepsHistory: boolean;
  readonly #model: string;
  readonly #policy: string;
  /** Jobs whose adapters were to be written, and were. */
  readonly #over = new Set<string>();
  readonly #written = new Set<string>();

  /**
   * `model`: its folder, for the adapters. `mostBytes`: see `MOST_BYTES`. `prepare`: makes the folder one that a fleet goes on in, once it is locked.
   * @throws InputError for a folder that holds something else
   */
  constructor(place: Place, given: string, input: FleetFolderInput) {
    const { setting, model, policy, mostBytes = MOST_BYTES, prepare, spent, probed } = input;
    const goesOn = prepare !== undefined;
    if (!goesOn) checkNewFleetFolder(place, given);
    this.#setting = setting;
    this.#speed = probed && new FleetSpeed(setting, probed, () => this.#work.soFar());
    this.#model = model;
    this.#policy = policy.name;
    this.#keepsHistory = place.cache === true;
    this.#mostBytes = mostBytes;
    this.#begin = firstBegin(setting);
    this.records = new Records(place, given, {
      ...{ goesOn, prepare: () => prepare?.(), devices: setting.devices, spent },
      more: { [RUN_FILES.jobs]: { goesOn }, [RUN_FILES.segments]: {} },
      ...(setting.pipelines.every(({ room }) => room.sample === undefined) ? {} : { sampled: { model } }),
      document: { name: RUN_FILES.setting, text: `${canonicalJson(setting)}\n` },
    });
  }

  /** A job has come, at once. */
  came(comer: FleetComer): void {
    const lines = this.records.lines(RUN_FILES.jobs);
    for (const line of comerLines(this.#works, comer)) lines.add(line);
    lines.write(true);
  }

  /** The adapter that a job starts from, where no document says which. */
  writeStart({ name }: AdapterOwner, state: AdapterState): void {
    const file = startFile(this.records.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeJobState(file, this.#setting.model.architecture, { step: 0, state, best: undefined });
  }

  /** Hears what the devices tell, and what was decided, behind the records. */
  readonly hear: RunListener = (event) => {
    this.#work.hear(event);
    this.#speed?.hear(event);
    this.#write(event);
  };

  readonly #write: RunListener = listener({
    // At once.
    decided: ({ line }) => {
      const { journal } = this.records;
      journal.add(JSON.stringify(line));
      journal.write(true);
    },
    planned: ({ segment }) => {
      this.records.lines(RUN_FILES.segments).add(canonicalJson(segment));
      const { segments, actions } = this.#begin;
      this.#begin = {
        ...{ segments: segments + 1, previous: segment.hash },
        actions: actions.map((count, stage) => count + segment.actions[stage]!.length),
      };
    },
    completed: () => {
      const { completions } = this.records;
      const segments = this.records.lines(RUN_FILES.segments);
      if (segments.length + completions.length <= this.#mostBytes) return;
      completions.empty();
      segments.empty();
      segments.add(beginLine(this.#begin));
      segments.write(true);
    },
  });

  /**
   * A job is over: its adapter as it is, the one that had the lowest loss, and once they are there the line that says
   * so. The folders that they are in; undefined while the disk does not take them.
   */
  ended(job: AdapterOwner, { adapter, best }: EndedPairs, event: JournalEvent): WrittenFolders | undefined {
    const { name } = job;
    const placeOf = (within: string): string => path.join(this.records.folder, within, name);
    const [last, lowest] = [placeOf(RUN_FILES.adapters), placeOf(RUN_FILES.best)];
    if (adapter !== undefined) this.#over.add(name);
    const folders = {
      adapter: adapter === undefined ? undefined : last,
      best: best === undefined ? undefined : lowest,
    };
    let isWritten = false;
    this.records.writes.write({
      name: `adapter of ${name}`,
      write: () => {
        if (adapter !== undefined) this.#writeAdapter(last, job, adapter);
        if (best !== undefined) this.#writeAdapter(lowest, job, best);
        if (adapter !== undefined) this.#written.add(name);
        this.records.happened(withWritten(event, folders));
        isWritten = true;
      },
    });
    return isWritten ? folders : undefined;
  }

  #writeAdapter(folder: string, { adapter }: AdapterOwner, pairs: readonly AdapterPair[]): void {
    writePeftFolder(folder, adapter, this.#setting.model.architecture, this.#model, pairs);
  }

  /** The adapter of a job that is over. @throws InputError where it is not there */
  readAdapter({ name, adapter }: AdapterOwner): AdapterState {
    const folder = path.join(this.records.folder, RUN_FILES.adapters, name);
    checkWritten(folder);
    return { parameters: readPeftFolder(folder, adapter, this.#setting.model.architecture) };
  }

  /** What is left to be written, while the devices are still there. @throws DeviceError where the disk does not take it */
  finish(): void {
    const work = this.#work.event();
    if (work !== undefined) this.records.happened(work);
    const costs = work && ownWorkOf([work]);
    if (costs !== undefined && this.#keepsHistory && work!.segments >= LEAST_SEGMENTS) keepOwnWork(costs, this.#policy);
    this.#speed?.tell();
    this.records.writes.retry();
    this.records.checkWritten(this.#written.size, this.#over.size);
  }

  /** Nothing became of a new fleet: its files go, so that another one may begin in the folder. */
  abandon(): void {
    this.records.abandon();
    rmSync(path.join(this.records.folder, RUN_FILES.setting), { force: true });
  }

  [Symbol.dispose](): void {
    this.records[Symbol.dispose]();
  }
}
