import path from "node:path";
import {
  type BestEvaluation,
  type Divergence,
  divergenceText,
  type EarlyStop,
  type FleetBytes,
  type LostPipeline,
  type OwnWork,
} from "../../exec/index.ts";
import { fileDigest } from "../../files/index.ts";
import type { AskedEvent, Spending, Spent } from "../../plan/index.ts";
import { WEIGHTS } from "./run-files.ts";

/** By job, what it has taken of devices in all attempts; earlier versions have not written it down. */
type SpentByJob = Readonly<Record<string, Spent>>;

/** What happens to a run beside its steps, a line of journal.jsonl each, with the time in UTC. */
export type JournalEvent =
  | {
      readonly event: "started";
      readonly versions: Readonly<Record<string, string>>;
      /** Number of the process that writes the folder. */
      readonly process: number;
      /** Of a run, the hash of the plan that it carries out. */
      readonly plan?: string;
      /**
       * Of a live fleet: the name of its policy, the most jobs that train at once on a pipeline, if there is a most, and
       * how much jobs are thought to take, if not what is planned.
       */
      readonly policy?: string;
      /** Of a live fleet, the base model's folder. */
      readonly model?: string;
      readonly jobsAtOnce?: number;
      readonly sizes?: "learned";
    }
  /** The run goes on from a checkpoint, or from its start where there was none; a line before it starts. */
  | {
      readonly event: "resumed";
      readonly checkpoint: string | null;
      /** Steps that its jobs have made, by name. */
      readonly steps: Readonly<Record<string, number>>;
      /** Newer checkpoints that could not be gone on from. */
      readonly skipped: readonly { readonly name: string; readonly why: string }[];
      readonly spent?: SpentByJob;
    }
  /** A checkpoint is on the disk; the time that its writing took; of a fleet, what its clock showed. */
  | { readonly event: "checkpoint"; readonly name: string; readonly seconds: number; readonly atNs?: number }
  | { readonly event: "checkpoint failed"; readonly why: string }
  /** Devices of a pipeline have stopped, while those of others go on: what jobs trained on it and had not ended. */
  | {
      readonly event: "pipeline lost";
      readonly pipeline: number;
      readonly jobs: readonly string[];
      readonly why: string;
    }
  /** The machine is to be taken away: the run ends with a checkpoint. */
  | { readonly event: "notice"; readonly why: string }
  /**
   * Devices are set up: the first action begins. The digest of the weights that they have loaded; of a fleet that goes on,
   * what its clock shows then.
   */
  | { readonly event: "ready"; readonly weights?: string; readonly atNs?: number }
  | {
      readonly event: "job ended";
      readonly job: string;
      /** Of its evaluations, the lowest: after which step, from 0. */
      readonly best?: { readonly step: number; readonly evaluationLoss: number };
      /** SHA-256 of the weights of its adapter as they were written, and of its best one, where they were by then. */
      readonly written?: { readonly adapter?: string; readonly best?: string };
      /** Of a job of a plan that its losses have ended before its last step: the last one that it made, from 0, and why. */
      readonly stopped?: EarlyStop;
      readonly spent?: Spent;
    }
  /** A job trains no further, since its loss or its gradient is not finite. Its adapter is not written. */
  | {
      readonly event: "job stopped";
      readonly job: string;
      /** From 0: the last step that the metrics have of it. */
      readonly step: number;
      readonly why: string;
    }
  /** Somebody asked for something of a job of a live fleet, and was told that it will be so. */
  | { readonly event: "asked"; readonly job: string; readonly ask: AskedEvent }
  /** A job of a sweep has come to a rung, from 0, or waited there: what it is to do. */
  | {
      readonly event: "halving";
      readonly sweep: string;
      readonly job: string;
      readonly rung: number;
      readonly verdict: "go-on" | "pause" | "stop";
      /** The job's loss at the rung; null where it is not finite. */
      readonly loss: number | null;
      readonly why: string;
    }
  /** Somebody asked for an end; mini-batches that have begun are finished. */
  | { readonly event: "asked to end" }
  /** At the end of a fleet. */
  | { readonly event: "memory"; readonly most: FleetBytes }
  /**
   * At the end of a fleet: what JavaScript did on the machine's cores beside the devices while it trained, and what it
   * did it for.
   */
  | ({
      readonly event: "own work";
      readonly actions: number;
      readonly segments: number;
      readonly decided: number;
      /** In which threads of devices had something to do and no core; not in journals of earlier versions. */
      readonly lostSeconds?: number;
    } & OwnWork)
  | { readonly event: "ended early"; readonly spent?: SpentByJob }
  /** What has begun could not be carried out to its end. */
  | { readonly event: "failed"; readonly why: string }
  | { readonly event: "ended"; readonly spent?: SpentByJob };

/** A job trains no further: its adapter is not written. */
export function jobStopped(job: string, divergence: Divergence): JournalEvent {
  return { event: "job stopped", job, step: divergence.step, why: divergenceText(divergence) };
}

export function failed(error: unknown): JournalEvent {
  return { event: "failed", why: error instanceof Error ? error.message : String(error) };
}

/** Devices of a pipeline have stopped. */
export function pipelineLost({ pipeline, error, names }: LostPipeline): JournalEvent {
  return { event: "pipeline lost", pipeline, jobs: names, why: error.message };
}

/** A job is over; of one that was evaluated, what was best of it. */
export function jobEnded(
  job: string,
  best: BestEvaluation | undefined,
  stopped?: EarlyStop,
): Extract<JournalEvent, { event: "job ended" }> {
  const lowest = best === undefined ? {} : { best: { step: best.step, evaluationLoss: best.evaluationLoss } };
  return { event: "job ended", job, ...lowest, ...(stopped === undefined ? {} : { stopped }) };
}

/** The folders that adapters of a job were written to. */
export interface WrittenFolders {
  readonly adapter: string | undefined;
  readonly best: string | undefined;
}

/** The same with what was written of it, so that another file in its place is known as such. */
export function withWritten<E extends JournalEvent>(event: E, { adapter, best }: WrittenFolders): E {
  if (event.event !== "job ended") return event;
  const of = (key: "adapter" | "best", folder: string | undefined): Readonly<Record<string, string>> =>
    folder === undefined ? {} : { [key]: fileDigest(path.join(folder, WEIGHTS)).sha256 };
  const written = { ...of("adapter", adapter), ...of("best", best) };
  return Object.keys(written).length === 0 ? event : { ...event, written };
}

/** The same with what has been taken of devices by then, where it is the end of a job or of an attempt, or goes on. */
export function withSpent(event: JournalEvent, spending: Spending): JournalEvent {
  switch (event.event) {
    case "job ended":
      return { ...event, spent: spending.of(event.job) };
    case "resumed":
    case "ended":
    case "ended early":
      return { ...event, spent: Object.fromEntries(spending.all()) };
    default:
      return event;
  }
}

export type JournalLine = JournalEvent & { readonly time: string };
