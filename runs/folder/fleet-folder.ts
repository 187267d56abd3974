import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError } from "../../core/index.ts";
import {
  type AdapterPair,
  type AdapterState,
  listener,
  type RunListener,
  readPeftFolder,
  writeJobState,
  writePeftFolder,
} from "../../exec/index.ts";
import {
  absolute,
  checkFolder,
  type FolderLock,
  isFolder,
  LateWrites,
  LineFile,
  type LineFileOptions,
  lockFolder,
  makeFolder,
  missingError,
  type Place,
  refuseLinkedMembers,
  withoutLock,
  writeOutput,
} from "../../files/index.ts";
import type { FleetComer, PlannedJob, Setting } from "../../plan/index.ts";
import { timeNow } from "../../workbench/index.ts";
import { CHECKPOINTS } from "../checkpoints/write-checkpoint.ts";
import { type JournalEvent, type WrittenFolders, withWritten } from "./journal.ts";
import { evaluationLine, stepLine } from "./metrics-lines.ts";
import { completionLine } from "./run-folder.ts";

/** The files of the folder of jobs over time. */
export const FLEET_FILES = {
  /** What never changes: model, devices, pipelines, memory, calibration. */
  setting: "setting.json",
  /** Jobs that came, with what each is to train: a line a job, in the order of arrival. */
  jobs: "jobs.jsonl",
  /** The plan as it grew: a piece of it a line, chained by hash. */
  segments: "segments.jsonl",
  /** What happened and what was decided, with reasons: a line a decision, and what befell the process. */
  journal: "journal.jsonl",
  metrics: "metrics.jsonl",
  completions: "completions.jsonl",
  adapters: "adapters",
  /** Adapters that jobs started from which were cloned with those of others. */
  starts: "starts",
  /** What was seen before a fleet was cut off, a folder each time. */
  earlier: "earlier",
  /** Of jobs that are evaluated, the adapters with the lowest loss. */
  best: "best",
  /** What a client of its server shows where that listens on TCP. */
  token: "token",
} as const;

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
  const isKept = (name: string): boolean => name !== FLEET_FILES.token && !isSocket(folder, name);
  if (isFolder(place, given) && withoutLock(readdirSync(folder)).some(isKept))
    throw new InputError({
      expected: "a new folder, or an empty one",
      at: "--output",
      got: given,
      ...(existsSync(path.join(folder, FLEET_FILES.setting))
        ? { hint: "It holds jobs over time: --resume instead of --output goes on with them." }
        : {}),
    });
}

/** The file with the adapter that a job of a fleet starts from, where no document says which. */
export function startFile(folder: string, name: string): string {
  return path.join(folder, FLEET_FILES.starts, `${name}.safetensors`);
}

/** The folder of a live fleet, written as things happen: only appended to, so that what is there is whole. */
export class FleetFolder implements Disposable {
  readonly #folder: string;
  readonly #setting: Setting;
  readonly #model: string;
  readonly #jobs: LineFile;
  readonly #segments: LineFile;
  readonly #journal: LineFile;
  readonly #metrics: LineFile;
  readonly #completions: LineFile;
  readonly #lock: FolderLock;
  readonly #writes = new LateWrites();
  /** Jobs whose adapters were to be written, and were. */
  readonly #over = new Set<string>();
  readonly #written = new Set<string>();

  /**
   * `model`: its folder, for the adapters. `prepare`: makes the folder one that a fleet goes on in, once it is locked.
   * @throws InputError for a folder that holds something else
   */
  constructor(place: Place, given: string, setting: Setting, model: string, prepare?: () => void) {
    const folder = absolute(place, given);
    if (prepare === undefined) checkNewFleetFolder(place, given);
    makeFolder(place, given);
    this.#folder = folder;
    this.#setting = setting;
    this.#model = model;
    this.#lock = lockFolder(folder, given);
    const goesOn = prepare !== undefined;
    const lines = (name: string, options: LineFileOptions): LineFile => new LineFile(path.join(folder, name), options);
    try {
      refuseLinkedMembers(folder, [...Object.values(FLEET_FILES), CHECKPOINTS]);
      prepare?.();
      writeOutput({ cwd: folder }, FLEET_FILES.setting, `${canonicalJson(setting)}\n`);
      this.#jobs = lines(FLEET_FILES.jobs, { goesOn });
      this.#segments = lines(FLEET_FILES.segments, {});
      this.#metrics = lines(FLEET_FILES.metrics, { goesOn });
      this.#journal = lines(FLEET_FILES.journal, { goesOn, behind: this.#metrics });
      this.#completions = lines(FLEET_FILES.completions, { mayEnd: true });
    } catch (error) {
      this.#lock[Symbol.dispose]();
      throw error;
    }
  }

  get folder(): string {
    return this.#folder;
  }

  /**
   * What befalls the process and its jobs, at once, behind the steps until then: those of a job that is over are not made
   * again.
   */
  happened(event: JournalEvent): void {
    this.#metrics.write(true);
    this.#journal.add(canonicalJson({ time: timeNow(), ...event }));
    this.#journal.write(true);
  }

  /** A job has come, at once. */
  came({ evaluations, ...comer }: FleetComer): void {
    // A step after which nothing is evaluated is a null in JSON.
    const holes = evaluations === undefined ? {} : { evaluations: evaluations.map((parts) => parts ?? null) };
    this.#jobs.add(canonicalJson({ ...comer, ...holes }));
    this.#jobs.write(true);
  }

  /** What is said of steps, jobs and decisions so far is on the disk. @throws when the system refuses it */
  sync(): void {
    for (const lines of [this.#jobs, this.#metrics, this.#journal]) lines.sync();
  }

  /** The adapter that a job starts from, where no document says which. */
  writeStart({ name, adapter }: AdapterOwner, state: AdapterState): void {
    const file = startFile(this.#folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeJobState(file, adapter, this.#setting.model.architecture, { step: 0, state, best: undefined });
  }

  /** Hears what the devices tell, and what was decided. */
  readonly hear: RunListener = listener({
    // At once.
    decided: ({ line }) => {
      this.#journal.add(JSON.stringify(line));
      this.#journal.write(true);
    },
    planned: ({ segment }) => this.#segments.add(canonicalJson(segment)),
    stepped: ({ metrics }) => this.#metrics.add(stepLine(metrics)),
    evaluated: ({ metrics }) => this.#metrics.add(evaluationLine(metrics)),
    completed: ({ batch }) => {
      for (const seen of batch) this.#completions.add(completionLine(seen));
      // A segment comes before what its devices reported, and that before its steps.
      if (!this.#completions.isDue) return;
      this.#segments.write(true);
      this.#completions.write(true);
      this.#metrics.write(true);
    },
  });

  /**
   * A job is over: its adapter as it is, the one that had the lowest loss, and once they are there the line that says
   * so. The folders that they are in; undefined while the disk does not take them.
   */
  ended(job: AdapterOwner, { adapter, best }: EndedPairs, event: JournalEvent): WrittenFolders | undefined {
    const { name } = job;
    const placeOf = (within: string): string => path.join(this.#folder, within, name);
    const [last, lowest] = [placeOf(FLEET_FILES.adapters), placeOf(FLEET_FILES.best)];
    if (adapter !== undefined) this.#over.add(name);
    const folders = {
      adapter: adapter === undefined ? undefined : last,
      best: best === undefined ? undefined : lowest,
    };
    let isWritten = false;
    this.#writes.write({
      name: `adapter of ${name}`,
      write: () => {
        if (adapter !== undefined) this.#write(last, job, adapter);
        if (best !== undefined) this.#write(lowest, job, best);
        if (adapter !== undefined) this.#written.add(name);
        this.happened(withWritten(event, folders));
        isWritten = true;
      },
    });
    return isWritten ? folders : undefined;
  }

  #write(folder: string, { adapter }: AdapterOwner, pairs: readonly AdapterPair[]): void {
    writePeftFolder(folder, adapter, this.#setting.model.architecture, this.#model, pairs);
  }

  /** The adapter of a job that is over. @throws InputError where it is not there */
  readAdapter({ name, adapter }: AdapterOwner): AdapterState {
    const folder = path.join(this.#folder, FLEET_FILES.adapters, name);
    return { parameters: readPeftFolder(folder, adapter, this.#setting.model.architecture) };
  }

  /** Adapters and lines that the disk did not take. @throws DeviceError where it does not now */
  finish(): void {
    this.#writes.retry();
    const late = [...this.#writes.late].map(([name, { refusal }]) => ({ name, refusal }));
    for (const [name, lines] of [
      [FLEET_FILES.jobs, this.#jobs],
      [FLEET_FILES.segments, this.#segments],
      [FLEET_FILES.completions, this.#completions],
      [FLEET_FILES.metrics, this.#metrics],
      [FLEET_FILES.journal, this.#journal],
    ] as const) {
      lines.write(true);
      if (lines.refusal !== undefined) late.push({ name: `lines of ${name}`, refusal: lines.refusal });
    }
    if (late.length > 0) throw missingError(this.#folder, late, this.#written.size, this.#over.size);
  }

  /** The process that had the folder and is no more, if one had. */
  get takenFrom(): number | undefined {
    return this.#lock.takenFrom;
  }

  /** Nothing became of a new fleet: its files go, so that another one may begin in the folder. */
  abandon(): void {
    this[Symbol.dispose]();
    const { setting, jobs, segments, journal, metrics, completions } = FLEET_FILES;
    for (const name of [setting, jobs, segments, journal, metrics, completions])
      rmSync(path.join(this.#folder, name), { force: true });
  }

  [Symbol.dispose](): void {
    for (const lines of [this.#jobs, this.#segments, this.#completions, this.#metrics, this.#journal]) lines.close();
    this.#lock[Symbol.dispose]();
  }
}
