import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson } from "../../core/index.ts";
import { type JobSample, listener, type RunListener, type SeenCompletion } from "../../exec/index.ts";
import {
  absolute,
  type FolderLock,
  LateWrites,
  LineFile,
  type LineFileOptions,
  lockFolder,
  makeFolder,
  missingError,
  type Place,
  passFault,
  refuseLinkedMembers,
  writeOutput,
} from "../../files/index.ts";
import { type ResolvedDevice, Spending, type Spent } from "../../plan/index.ts";
import { timeNow } from "../../workbench/index.ts";
import { CHECKPOINTS } from "../checkpoints/write-checkpoint.ts";
import { type JournalEvent, pipelineLost, withSpent } from "./journal.ts";
import { evaluationLine, stepLine } from "./metrics-lines.ts";
import { RUN_FILES } from "./run-files.ts";
import { AnswerTexts, linesOfSample, type SampleLine, sampleLine } from "./sample-lines.ts";

/** Stage, stream, position in the order, start and end, and what was lost, as `readCompletions` reads it. */
function completionLine({ stage, done }: SeenCompletion): string {
  const { stream, id, startNs, endNs, interruptedNs, delayedNs } = done;
  // Written on a device's core: thousands a second, where actions are short.
  return `[${stage},"${stream}",${id},${startNs},${endNs},${interruptedNs ?? null},${delayedNs ?? null}]`;
}

export interface RecordsInput {
  /** Behind the lines that are there. */
  readonly goesOn: boolean;
  /** Checks the folder, or makes it ready, once it is this process's. */
  readonly prepare: () => void;
  readonly devices: readonly ResolvedDevice[];
  /** What jobs had taken of devices before. */
  readonly spent?: ReadonlyMap<string, Spent> | undefined;
  /** More files of lines, by name. */
  readonly more?: Readonly<Record<string, LineFileOptions>>;
  /** Where prompts are answered: the folder of the model that does. */
  readonly sampled?: { readonly model: string } | undefined;
  /** The document that makes a folder a run's, whole or not there: written when all else is open. */
  readonly document: { readonly name: string; readonly text: string } | undefined;
}

/** What is written of a run as it happens, in a folder that no other process writes to. */
export class Records implements Disposable {
  readonly folder: string;
  readonly journal: LineFile;
  readonly metrics: LineFile;
  readonly completions: LineFile;
  /** What jobs have taken of the devices. */
  readonly spending: Spending;
  /** Adapters and all else that is written late where the disk is full. */
  readonly writes = new LateWrites();
  readonly #texts: AnswerTexts;
  readonly #answers = new WeakMap<JobSample, readonly SampleLine[]>();
  readonly #lock: FolderLock;
  /** In the order in which they are written. */
  readonly #lines = new Map<string, LineFile>();

  /** @throws InputError, DeviceError when the folder cannot be written */
  constructor(place: Place, given: string, input: RecordsInput) {
    const { goesOn, prepare, more = {}, sampled, document } = input;
    makeFolder(place, given);
    this.folder = absolute(place, given);
    this.spending = new Spending(input.devices, input.spent);
    this.#texts = new AnswerTexts(sampled?.model ?? "");
    this.#lock = lockFolder(this.folder, given, place.note);
    const open = (name: string, options: LineFileOptions): LineFile => {
      const file = new LineFile(path.join(this.folder, name), options);
      this.#lines.set(name, file);
      return file;
    };
    try {
      refuseLinkedMembers(this.folder, [...Object.values(RUN_FILES), CHECKPOINTS]);
      prepare();
      for (const [name, options] of Object.entries(more)) open(name, options);
      this.completions = open(RUN_FILES.completions, { mayEnd: true });
      this.metrics = open(RUN_FILES.metrics, { goesOn });
      if (sampled !== undefined) open(RUN_FILES.samples, { goesOn });
      this.journal = open(RUN_FILES.journal, { goesOn, behind: this.metrics });
      if (document !== undefined) writeOutput({ cwd: this.folder }, document.name, document.text);
    } catch (error) {
      const isRuns = document === undefined || existsSync(path.join(this.folder, document.name));
      if (isRuns) this[Symbol.dispose]();
      else this.abandon();
      throw error;
    }
  }

  /** The process that had the folder and is no more, if one had. */
  get takenFrom(): number | undefined {
    return this.#lock.takenFrom;
  }

  /** Another file of lines. */
  lines(name: string): LineFile {
    return this.#lines.get(name)!;
  }

  /** What was answered to prompts, as texts. */
  linesOf(sample: JobSample): readonly SampleLine[] {
    const lines = this.#answers.get(sample) ?? linesOfSample(sample, this.#texts);
    this.#answers.set(sample, lines);
    return lines;
  }

  /** Hears what every execution tells. */
  readonly hear: RunListener = listener({
    spent: ({ shares }) => this.spending.add(shares),
    stepped: ({ metrics }) => this.metrics.add(stepLine({ ...metrics, spent: this.spending.of(metrics.job) })),
    evaluated: ({ metrics }) => this.metrics.add(evaluationLine(metrics)),
    sampled: ({ sample }) => {
      const lines = this.lines(RUN_FILES.samples);
      for (const line of this.linesOf(sample)) lines.add(sampleLine(line));
    },
    completed: ({ batch }) => {
      passFault("training");
      for (const seen of batch) this.completions.add(completionLine(seen));
      if (this.completions.isDue) this.#writeSeen();
    },
    lost: ({ lost }) => this.happened(pipelineLost(lost)),
  });

  /** A segment comes before what its devices reported, and that before its steps: what is told of can be found there. */
  #writeSeen(): void {
    this.#lock.check();
    for (const lines of this.#lines.values()) if (lines !== this.journal) lines.write(true);
  }

  /** Writes down what happened, at once, behind the steps until then: those of a job that is over are not made again. */
  happened(event: JournalEvent): void {
    this.#writeSeen();
    this.journal.add(canonicalJson({ time: timeNow(), ...withSpent(event, this.spending) }));
    this.journal.write(true);
  }

  /** What was written down so far is on the disk. @throws where the system refuses that */
  sync(): void {
    for (const lines of this.#lines.values()) lines.sync();
  }

  /**
   * Tells what the disk did not take. `unneeded`: lines of which that does not matter. @throws DeviceError where it does
   * not now
   */
  checkWritten(numAdapters: number, numJobs: number, unneeded?: LineFile): void {
    const late = [...this.writes.late].map(([name, { refusal }]) => ({ name, refusal }));
    for (const [name, lines] of this.#lines) {
      lines.write(true);
      if (lines !== unneeded && lines.refusal !== undefined)
        late.push({ name: `lines of ${name}`, refusal: lines.refusal });
    }
    if (late.length > 0) throw missingError(this.folder, late, numAdapters, numJobs);
  }

  /** Nothing became of a new run: its files go, so that another one may begin in the folder. */
  abandon(): void {
    this[Symbol.dispose]();
    for (const name of this.#lines.keys()) rmSync(path.join(this.folder, name), { force: true });
  }

  [Symbol.dispose](): void {
    for (const lines of this.#lines.values()) lines.close();
    this.#lock[Symbol.dispose]();
  }
}
