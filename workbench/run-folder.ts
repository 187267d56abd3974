import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError } from "../core/index.ts";
import type {
  AdapterPair,
  BestEvaluation,
  ExecuteInput,
  ExecuteResult,
  SeenCompletion,
  StepMetrics,
} from "../exec/index.ts";
import { writePeftFolder } from "../exec/index.ts";
import { type Plan, planDocument, readText } from "../plan/index.ts";
import { traceLines } from "../traces/index.ts";
import type { Place } from "./context.ts";
import { absolute, checkFolder, isFolder, makeFolder, writeLines, writeOutput } from "./files.ts";
import { type JournalEvent, jobEnded } from "./journal.ts";
import { LineFile } from "./line-file.ts";
import { evaluationLine, stepLine } from "./metrics-lines.ts";
import { CHECKPOINTS } from "./write-checkpoint.ts";

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
  const { value } = readText(readFileSync(file, "utf8"), file);
  return (value as { readonly hash?: unknown } | null)?.hash;
}

/**
 * Whether a run of the plan may be written to a folder. @throws InputError when it holds something else, or a finished
 * run that is not to be overwritten
 */
export function checkRunFolder(place: Place, given: string, plan: Plan, overwrite: boolean): void {
  const folder = absolute(place, given);
  checkFolder(place, given);
  if (!isFolder(place, given) || readdirSync(folder).length === 0) return;
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

/** Stage, stream, position in the order, start and end, and what was lost, as `readCompletions` reads it. */
export function completionLine({ stage, done }: SeenCompletion): string {
  const { stream, id, startNs, endNs, interruptedNs, delayedNs } = done;
  // Written on a device's core: thousands a second, where actions are short.
  return `[${stage},"${stream}",${id},${startNs},${endNs},${interruptedNs ?? null},${delayedNs ?? null}]`;
}

/** The folder of a run, written as the run happens. `goesOn`: one that `beginAgain` has prepared. */
export class RunFolder implements Disposable {
  readonly #folder: string;
  readonly #plan: Plan;
  readonly #journal: LineFile;
  readonly #metrics: LineFile;
  readonly #completions: LineFile;
  readonly #adapters = new Map<string, string>();
  readonly #best = new Map<string, string>();

  /** @throws InputError as `checkRunFolder` does, or when the folder cannot be written */
  constructor(
    place: Place,
    given: string,
    plan: Plan,
    { overwrite = false, goesOn = false }: { readonly overwrite?: boolean; readonly goesOn?: boolean } = {},
  ) {
    const folder = absolute(place, given);
    if (!goesOn) {
      checkRunFolder(place, given, plan, overwrite);
      makeFolder(place, given);
      for (const name of [
        RUN_FILES.trace,
        RUN_FILES.adapters,
        RUN_FILES.best,
        RUN_FILES.earlier,
        RUN_FILES.notice,
        CHECKPOINTS,
      ])
        rmSync(path.join(folder, name), { recursive: true, force: true });
      // Whole or not there: a folder is a run's from the moment that its plan is.
      writeOutput({ cwd: folder }, RUN_FILES.plan, `${canonicalJson(planDocument(plan))}\n`);
    }
    this.#folder = folder;
    this.#plan = plan;
    this.#journal = new LineFile(path.join(folder, RUN_FILES.journal), { goesOn });
    this.#metrics = new LineFile(path.join(folder, RUN_FILES.metrics), { goesOn });
    this.#completions = new LineFile(path.join(folder, RUN_FILES.completions));
  }

  get folder(): string {
    return this.#folder;
  }

  /** What was written down so far is on the disk. */
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
    this.#journal.add(canonicalJson({ time: new Date().toISOString(), ...event }));
    this.#journal.write(true);
  }

  /** What the executor tells while it trains. */
  readonly hooks: Pick<ExecuteInput, "onStep" | "onEvaluation" | "onCompletions" | "onJobEnd"> = {
    onStep: (metrics: StepMetrics) => this.#metrics.add(stepLine(metrics)),
    onEvaluation: (metrics) => this.#metrics.add(evaluationLine(metrics)),
    onCompletions: (batch) => {
      for (const seen of batch) this.#completions.add(completionLine(seen));
      // A step's metrics come after what its devices reported, so that what is written down of them can be found there.
      if (this.#completions.write(false)) this.#metrics.write(true);
    },
    onJobEnd: (job, adapter, best) => {
      this.#writeAdapter(job, adapter);
      this.#writeBest(job, best);
      this.journal(jobEnded(this.#plan.jobs[job]!.name, best));
    },
  };

  #writeAdapter(index: number, pairs: readonly AdapterPair[]): void {
    this.#adapters.set(this.#plan.jobs[index]!.name, this.#writePairs(RUN_FILES.adapters, index, pairs));
  }

  #writeBest(index: number, best: BestEvaluation | undefined): void {
    if (best?.adapter === undefined) return;
    this.#best.set(this.#plan.jobs[index]!.name, this.#writePairs(RUN_FILES.best, index, best.adapter));
  }

  #writePairs(within: string, index: number, pairs: readonly AdapterPair[]): string {
    const { model, locations, jobs } = this.#plan;
    const { name, adapter } = jobs[index]!;
    const folder = path.join(this.#folder, within, name);
    writePeftFolder(folder, adapter, model.architecture, locations.model ?? "", pairs);
    return folder;
  }

  /** Writes the trace, and the adapters, last and best, of jobs that have begun and not ended. */
  finish(result: ExecuteResult): void {
    this.#completions.write(true);
    this.#metrics.write(true);
    for (const [job, pairs] of result.adapters.entries()) {
      const { name } = this.#plan.jobs[job]!;
      const hasBegun = result.metrics.some((row) => row.job === name);
      if (!hasBegun || this.#adapters.has(name)) continue;
      this.#writeAdapter(job, pairs);
      this.#writeBest(job, result.best[job]);
    }
    writeLines({ cwd: this.#folder }, RUN_FILES.trace, traceLines(result.trace));
    this.journal({ event: result.endedEarly ? "ended early" : "ended" });
    rmSync(path.join(this.#folder, RUN_FILES.completions), { force: true });
  }

  [Symbol.dispose](): void {
    for (const lines of [this.#completions, this.#metrics, this.#journal]) lines.close();
  }
}
