import type { Completion, Operator } from "../../native/index.ts";
import type { Architecture, SampledSequence, SamplingLayout } from "../../plan/index.ts";
import type { StageDevice } from "../stage-host.ts";
import { Generator } from "./generator.ts";
import { longFromOf } from "./long-from.ts";
import { GREEDY } from "./sampling.ts";
import type { PartResult, SequencePart, SequenceRunner, SequenceRuns } from "./sequence-runs.ts";

/** Numbers of its runs begin here, above those of all actions. */
const FIRST_RUN = 2 ** 48;

/** What was answered to a prompt. */
export interface SampledAnswer extends Pick<SampledSequence, "job" | "row" | "asker"> {
  readonly tokens: readonly number[];
  /** Whether it ended by itself; it is cut where not. */
  readonly hasEnded: boolean;
}

/** The times of a run's operators, and what was in it. */
export interface SampleRunProfile {
  readonly sequences: readonly { readonly job: number | undefined; readonly tokens: number; readonly past: number }[];
  readonly opNs: Float64Array;
  readonly ns: number;
}

/** A micro-batch of prompts, answered. */
export interface Sampled {
  readonly answers: readonly SampledAnswer[];
  /** When its first run began, on the clock of the completions. */
  readonly startNs: number;
  /** Of all runs, where the device tells it. */
  readonly interruptedNs: number | undefined;
  readonly runs: readonly SampleRunProfile[];
}

export interface StageSamplerInput {
  readonly device: Pick<StageDevice, "enqueueRun">;
  readonly architecture: Architecture;
  readonly layout: SamplingLayout;
  readonly runs: SequenceRuns;
  readonly stopTokens: ReadonlySet<number>;
  readonly profile: boolean;
}

interface OpenRun {
  readonly resolve: (done: Completion) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Answers prompts on a stage that is its whole pipeline, between two actions of its order: its runs are tasks of the
 * device's queue, of which each one is made of what the one before has given.
 */
export class StageSampler implements SequenceRunner {
  readonly #input: StageSamplerInput;
  readonly #generator: Generator;
  readonly #open = new Map<number, OpenRun>();
  #next = FIRST_RUN;
  #done: Completion[] = [];
  #profiles: SampleRunProfile[] = [];

  constructor(input: StageSamplerInput) {
    this.#input = input;
    const { runRows, sequences } = input.layout;
    this.#generator = new Generator(this, { sequences, runRows, longFrom: longFromOf(input.architecture) });
  }

  get operators(): readonly Operator[] {
    return this.#input.runs.operators;
  }

  get cacheRows(): number {
    return this.#input.layout.cacheRows;
  }

  /** Runs that have ended. */
  get numEnded(): number {
    return this.#next - FIRST_RUN - this.#open.size;
  }

  /** Nothing else may be in the device's queue. */
  async answer(
    sequences: readonly SampledSequence[],
    promptOf: (job: number, row: number) => ArrayLike<number>,
  ): Promise<Sampled> {
    const answers = sequences.map(async ({ job, row, asker, maxTokens }): Promise<SampledAnswer> => {
      const { tokens, end } = await this.#generator.generate({
        prompt: Array.from(promptOf(asker, row)),
        adapter: job === undefined ? undefined : String(job),
        sampling: GREEDY,
        maxTokens,
        stopTokens: this.#input.stopTokens,
      });
      return { job, row, asker, tokens: tokens.map(({ token }) => token), hasEnded: end === "stop" };
    });
    const all = await Promise.all(answers);
    const [done, runs] = [this.#done, this.#profiles];
    [this.#done, this.#profiles] = [[], []];
    const isTold = done.some(({ interruptedNs }) => interruptedNs !== undefined);
    const interruptedNs = isTold ? done.reduce((sum, each) => sum + (each.interruptedNs ?? 0), 0) : undefined;
    return { answers: all, startNs: done[0]!.startNs, interruptedNs, runs };
  }

  async run(parts: readonly SequencePart[]): Promise<readonly PartResult[]> {
    const { device, runs, profile } = this.#input;
    const task = runs.task(parts);
    const id = this.#next;
    this.#next += 1;
    const done = await new Promise<Completion>((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      device.enqueueRun({ id, ...task, bindings: { ...task.bindings, profile } });
    });
    this.#done.push(done);
    const { opNs, startNs, endNs } = done;
    if (opNs !== undefined)
      this.#profiles.push({
        sequences: parts.map(({ adapter, tokens, past }) => ({
          ...{ job: adapter === undefined ? undefined : Number(adapter), tokens: tokens.length },
          past,
        })),
        ...{ opNs, ns: endNs - startNs },
      });
    return await runs.results(parts, done.losses);
  }

  /** What the device has reported; whether it was a run of these. */
  heard(done: Completion): boolean {
    if (done.id < FIRST_RUN) return false;
    const open = this.#open.get(done.id);
    this.#open.delete(done.id);
    open?.resolve(done);
    return true;
  }

  /** Its device has stopped. */
  fail(error: unknown): void {
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}
