import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { InputError, shellQuoted } from "../../core/index.ts";
import {
  type AdapterPair,
  type BestEvaluation,
  type ExecuteResult,
  listener,
  type RunListener,
  writePeftFolder,
} from "../../exec/index.ts";
import {
  absolute,
  checkFolder,
  isFolder,
  lockFolder,
  type Place,
  passFault,
  readWholeText,
  withoutLock,
  writePieces,
  writeWholeFile,
} from "../../files/index.ts";
import { type Plan, planFileText, readText } from "../../plan/index.ts";
import { traceLines } from "../../traces/index.ts";
import { CHECKPOINTS } from "../checkpoints/write-checkpoint.ts";
import { jobEnded, jobStopped, withWritten } from "./journal.ts";
import { Records, type RecordsInput } from "./records.ts";
import { RUN_FILES } from "./run-files.ts";

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
      expected: "a folder without a run",
      at: "--output",
      got: given,
      hint: `It holds one of this plan: go on with it (\`loratwin resume ${shellQuoted(given)}\`), name another folder, or take --overwrite to lose it.`,
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

/** The folder of a run, written as the run happens. `prepare`: makes it one that a run goes on in, once it is locked. */
export class RunFolder implements Disposable {
  readonly records: Records;
  readonly #plan: Plan;
  readonly #adapters = new Map<string, string>();
  readonly #best = new Map<string, string>();
  readonly #diverged = new Set<number>();

  /** @throws InputError as `checkRunFolder` does, or when the folder cannot be written */
  constructor(
    place: Place,
    given: string,
    plan: Plan,
    {
      overwrite = false,
      prepare,
      spent,
    }: Pick<RecordsInput, "spent"> & {
      readonly overwrite?: boolean;
      readonly prepare?: (() => void) | undefined;
    } = {},
  ) {
    const folder = absolute(place, given);
    const goesOn = prepare !== undefined;
    if (!goesOn) checkRunFolder(place, given, plan, overwrite);
    this.#plan = plan;
    this.records = new Records(place, given, {
      ...{ goesOn, devices: plan.devices, spent },
      prepare() {
        if (goesOn) return prepare();
        // Whoever had it until now may have ended a run in it.
        checkRunFolder(place, given, plan, overwrite);
        const { trace, samples, adapters, best, tensorboard, earlier, notice } = RUN_FILES;
        for (const name of [trace, samples, adapters, best, tensorboard, earlier, notice, CHECKPOINTS])
          rmSync(path.join(folder, name), { recursive: true, force: true });
      },
      ...(plan.jobs.every(({ sample }) => sample === undefined)
        ? {}
        : { sampled: { model: plan.locations.model ?? "" } }),
      document: goesOn ? undefined : { name: RUN_FILES.plan, text: planFileText(plan) },
    });
  }

  /** Where each job's adapter was written, as far as it was. */
  get adapters(): ReadonlyMap<string, string> {
    return this.#adapters;
  }

  /** Hears what the executor tells while it trains, behind the records. */
  readonly hear: RunListener = listener({
    diverged: ({ job, divergence }) => {
      this.#diverged.add(job);
      this.records.happened(jobStopped(this.#plan.jobs[job]!.name, divergence));
    },
    ended: ({ job, adapter, best, stopped }) => {
      this.#writeBest(job, best);
      if (this.#diverged.has(job)) return;
      this.#writeAdapter(job, adapter);
      const { name } = this.#plan.jobs[job]!;
      const written = { adapter: this.#adapters.get(name), best: this.#best.get(name) };
      this.records.happened(withWritten(jobEnded(name, best, stopped), written));
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
    const folder = path.join(this.records.folder, within, name);
    this.records.writes.write({
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
    const { writes, completions, metrics } = this.records;
    if (!writes.retry()) {
      // The trace is made of what is in memory: what stands for it gives its room to adapters.
      completions.empty();
      writes.retry();
    }
    completions.write(true);
    metrics.write(true);
    writes.write({
      name: "the trace",
      write: () => {
        const file = path.join(this.records.folder, RUN_FILES.trace);
        writeWholeFile(file, (descriptor) => writePieces(descriptor, traceLines(result.trace)));
      },
    });
    // What was refused once may be taken a moment later.
    writes.retry();
    // Without an adapter it has not ended: it can go on from its last checkpoint and write them then.
    if (writes.late.size === 0) this.records.happened({ event: result.endedEarly ? "ended early" : "ended" });
    if (!writes.late.has("the trace")) rmSync(path.join(this.records.folder, RUN_FILES.completions), { force: true });
    this.records.checkWritten(this.#adapters.size, this.#plan.jobs.length, completions);
  }

  [Symbol.dispose](): void {
    this.records[Symbol.dispose]();
  }
}
