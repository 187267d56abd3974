import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError } from "../../core/index.ts";
import {
  type AdapterPair,
  type BestEvaluation,
  type ExecuteResult,
  listener,
  type RunListener,
  type SeenCompletion,
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
  passFault,
  readWholeText,
  refuseLinkedMembers,
  withoutLock,
  writeOutput,
  writePieces,
  writeWholeFile,
} from "../../files/index.ts";
import { type Plan, planDocument, readText } from "../../plan/index.ts";
import { traceLines } from "../../traces/index.ts";
import { timeNow } from "../../workbench/index.ts";
import { CHECKPOINTS } from "../checkpoints/write-checkpoint.ts";
import { type JournalEvent, jobEnded, jobStopped, pipelineLost, withWritten } from "./journal.ts";
import { evaluationLine, stepLine } from "./metrics-lines.ts";

/** The files of a run folder. While the run goes on, `completions` stands for the trace. */
export const RUN_FILES = {
  plan: "plan.json",
  journal: "journal.jsonl",
  metrics: "metrics.jsonl",
  completions: "completions.jsonl",
  trace: "trace.json",
  adapters: "adapters",
  /** Parts of the run from before it was resumed: a folder each, with the plan and what was seen of it. */
  earlier: "earlier",
  /** Where there comes to be one, the run ends with a checkpoint: the machine is to be taken away. */
  notice: "notice",
  /** Of jobs that are evaluated, the adapters with the lowest loss. */
  best: "best",
} as const;

function readHash(file: string): unknown {
  const { value } = readText(readWholeText(file), file);
  return (value as { readonly hash?: unknown } | null)?.hash;
}

/**
 * Whether a run of the plan may be written to a folder. @throws InputError when it holds something else, or a finished
 * run that is not to be overwritten
 */
export function checkRunFolder(place: Place, given: string, plan: Plan, overwrite: boolean): void {
  const folder = absolute(place, given);
  checkFolder(place, given);
  if (!isFolder(place, given) || withoutLock(readdirSync(folder)).length === 0) return;
  const file = path.join(folder, RUN_FILES.plan);
  if (!existsSync(file) || readHash(file) !== plan.hash)
    throw new InputError({
      expected: "a new folder, or that of an earlier run of the same plan",
      at: "--output",
      got: given,
      hint: "Name another folder or remove this one.",
    });
  if (existsSync(path.join(folder, RUN_FILES.trace)) && !overwrite)
    throw new InputError({
      expected: "a folder without a finished run",
      at: "--output",
      got: given,
      hint: "It holds one of this plan: name another folder, or take --overwrite to lose that run.",
    });
}

/**
 * Removes the run that a folder holds, of whatever plan; a folder that holds something else stays as it is.
 * @throws InputError when another process writes it
 */
export function removeRun(place: Place, given: string): void {
  const folder = absolute(place, given);
  const file = path.join(folder, RUN_FILES.plan);
  if (!existsSync(file) || readHash(file) === undefined) return;
  lockFolder(folder, given)[Symbol.dispose]();
  rmSync(folder, { recursive: true });
}

/** Stage, stream, position in the order, start and end, and what was lost, as `readCompletions` reads it. */
export function completionLine({ stage, done }: SeenCompletion): string {
  const { stream, id, startNs, endNs, interruptedNs, delayedNs } = done;
  // Written on a device's core: thousands a second, where actions are short.
  return `[${stage},"${stream}",${id},${startNs},${endNs},${interruptedNs ?? null},${delayedNs ?? null}]`;
}

/** The folder of a run, written as the run happens. `prepare`: makes it one that a run goes on in, once it is locked. */
export class RunFolder implements Disposable {
  readonly #folder: string;
  readonly #plan: Plan;
  readonly #journal: LineFile;
  readonly #metrics: LineFile;
  readonly #completions: LineFile;
  readonly #adapters = new Map<string, string>();
  readonly #best = new Map<string, string>();
  readonly #diverged = new Set<number>();
  readonly #writes = new LateWrites();
  readonly #lock: FolderLock;

  /** @throws InputError as `checkRunFolder` does, or when the folder cannot be written */
  constructor(
    place: Place,
    given: string,
    plan: Plan,
    { overwrite = false, prepare }: { readonly overwrite?: boolean; readonly prepare?: (() => void) | undefined } = {},
  ) {
    const folder = absolute(place, given);
    if (prepare === undefined) checkRunFolder(place, given, plan, overwrite);
    makeFolder(place, given);
    this.#lock = lockFolder(folder, given);
    try {
      // Whoever had it until now may have ended a run in it.
      if (prepare === undefined) checkRunFolder(place, given, plan, overwrite);
      else prepare();
      this.#folder = folder;
      this.#plan = plan;
      [this.#journal, this.#metrics, this.#completions] = this.#begin(prepare !== undefined);
    } catch (error) {
      this.#lock[Symbol.dispose]();
      throw error;
    }
  }

  #begin(goesOn: boolean): readonly [LineFile, LineFile, LineFile] {
    const folder = this.#folder;
    refuseLinkedMembers(folder, [...Object.values(RUN_FILES), CHECKPOINTS]);
    const { trace, adapters, best, earlier, notice } = RUN_FILES;
    for (const name of goesOn ? [] : [trace, adapters, best, earlier, notice, CHECKPOINTS])
      rmSync(path.join(folder, name), { recursive: true, force: true });
    const at = (name: string): string => path.join(folder, name);
    const made: LineFile[] = [];
    const lines = (name: string, options: LineFileOptions): LineFile => {
      const file = new LineFile(at(name), options);
      made.push(file);
      return file;
    };
    try {
      const metrics = lines(RUN_FILES.metrics, { goesOn });
      const journal = lines(RUN_FILES.journal, { goesOn, behind: metrics });
      const completions = lines(RUN_FILES.completions, { mayEnd: true });
      // Whole or not there: a folder is a run's from the moment that its plan is.
      if (!goesOn) writeOutput({ cwd: folder }, RUN_FILES.plan, `${canonicalJson(planDocument(this.#plan))}\n`);
      return [journal, metrics, completions];
    } catch (error) {
      for (const file of made) file.close();
      if (!existsSync(at(RUN_FILES.plan)))
        for (const name of [RUN_FILES.journal, RUN_FILES.metrics, RUN_FILES.completions])
          rmSync(at(name), { force: true });
      throw error;
    }
  }

  /** The process that had the folder and is no more, if one had. */
  get takenFrom(): number | undefined {
    return this.#lock.takenFrom;
  }

  get folder(): string {
    return this.#folder;
  }

  /** What was written down so far is on the disk. @throws where the system refuses that */
  sync(): void {
    for (const lines of [this.#completions, this.#metrics, this.#journal]) lines.sync();
  }

  /** Where each job's adapter was written, as far as it was. */
  get adapters(): ReadonlyMap<string, string> {
    return this.#adapters;
  }

  /** The same of the adapters that were best. */
  get best(): ReadonlyMap<string, string> {
    return this.#best;
  }

  /** Writes down what happened, at once. */
  journal(event: JournalEvent): void {
    this.#journal.add(canonicalJson({ time: timeNow(), ...event }));
    this.#journal.write(true);
  }

  /** Hears what the executor tells while it trains. */
  readonly hear: RunListener = listener({
    stepped: ({ metrics }) => this.#metrics.add(stepLine(metrics)),
    evaluated: ({ metrics }) => this.#metrics.add(evaluationLine(metrics)),
    completed: ({ batch }) => {
      passFault("training");
      for (const seen of batch) this.#completions.add(completionLine(seen));
      // A step's metrics come after what its devices reported, so that what is written down of them can be found there.
      if (this.#completions.write(false)) this.#metrics.write(true);
    },
    diverged: ({ job, divergence }) => {
      this.#diverged.add(job);
      this.journal(jobStopped(this.#plan.jobs[job]!.name, divergence));
    },
    lost: ({ lost }) => {
      const names = lost.jobs.map((job) => this.#plan.jobs[job]!.name);
      this.journal(pipelineLost(lost, names));
    },
    ended: ({ job, adapter, best }) => {
      this.#writeBest(job, best);
      if (this.#diverged.has(job)) return;
      this.#writeAdapter(job, adapter);
      const { name } = this.#plan.jobs[job]!;
      const written = { adapter: this.#adapters.get(name), best: this.#best.get(name) };
      this.journal(withWritten(jobEnded(name, best), written));
    },
  });

  #writeAdapter(index: number, pairs: readonly AdapterPair[]): void {
    const { name } = this.#plan.jobs[index]!;
    this.#writePairs(`adapter of ${name}`, this.#adapters, RUN_FILES.adapters, index, pairs);
  }

  #writeBest(index: number, best: BestEvaluation | undefined): void {
    const { name } = this.#plan.jobs[index]!;
    if (best?.adapter !== undefined)
      this.#writePairs(`best adapter of ${name}`, this.#best, RUN_FILES.best, index, best.adapter);
  }

  #writePairs(
    what: string,
    written: Map<string, string>,
    within: string,
    index: number,
    pairs: readonly AdapterPair[],
  ): void {
    const { model, locations, jobs } = this.#plan;
    const { name, adapter } = jobs[index]!;
    const folder = path.join(this.#folder, within, name);
    this.#writes.write({
      name: what,
      write: () => {
        writePeftFolder(folder, adapter, model.architecture, locations.model ?? "", pairs);
        written.set(name, folder);
      },
    });
  }

  /**
   * Writes the adapters, last and best, of jobs that have begun and not ended, then the trace: on a full disk adapters
   * come before all else.
   * @throws DeviceError with what could not be written, once all is written that could be
   */
  finish(result: ExecuteResult): void {
    passFault("writing");
    for (const [job, pairs] of result.adapters.entries()) {
      const { name } = this.#plan.jobs[job]!;
      const hasBegun = result.metrics.some((row) => row.job === name);
      if (!hasBegun || this.#adapters.has(name)) continue;
      if (!this.#diverged.has(job)) this.#writeAdapter(job, pairs);
      this.#writeBest(job, result.best[job]);
    }
    if (!this.#writes.retry()) {
      // The trace is made of what is in memory: what stands for it gives its room to adapters.
      this.#completions.empty();
      this.#writes.retry();
    }
    this.#completions.write(true);
    this.#metrics.write(true);
    this.#writes.write({
      name: "the trace",
      write: () => {
        const file = path.join(this.#folder, RUN_FILES.trace);
        writeWholeFile(file, (descriptor) => writePieces(descriptor, traceLines(result.trace)));
      },
    });
    // What was refused once may be taken a moment later.
    this.#writes.retry();
    // Without an adapter it has not ended: it can go on from its last checkpoint and write them then.
    if (this.#writes.late.size === 0) this.journal({ event: result.endedEarly ? "ended early" : "ended" });
    if (!this.#writes.late.has("the trace")) rmSync(path.join(this.#folder, RUN_FILES.completions), { force: true });
    this.#tellMissing();
  }

  #tellMissing(): void {
    const late = [...this.#writes.late].map(([name, { refusal }]) => ({ name, refusal }));
    for (const [name, lines] of [
      [RUN_FILES.metrics, this.#metrics],
      [RUN_FILES.journal, this.#journal],
    ] as const) {
      lines.write(true);
      if (lines.refusal !== undefined) late.push({ name: `lines of ${name}`, refusal: lines.refusal });
    }
    if (late.length === 0) return;
    throw missingError(this.#folder, late, this.#adapters.size, this.#plan.jobs.length);
  }

  [Symbol.dispose](): void {
    for (const lines of [this.#completions, this.#metrics, this.#journal]) lines.close();
    this.#lock[Symbol.dispose]();
  }
}
