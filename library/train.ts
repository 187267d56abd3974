import { z } from "zod";
import { calibratedElsewhere, listener, lostText, simulatedOnly } from "../exec/index.ts";
import { absolute, type Context } from "../files/index.ts";
import type { Plan } from "../plan/index.ts";
import {
  checkEventFolder,
  checkRunFolder,
  DEFAULT_RHYTHM,
  findResumable,
  loadPlanData,
  openPlanModel,
  type ResumablePlan,
  type RunFolder,
  restOfRun,
  runSummary,
  stoppedJobs,
  trainInFolder,
} from "../runs/index.ts";
import type { RunMetrics, Trace, TrainedJob } from "../traces/index.ts";
import { checkDevices, noteIdleCores } from "../workbench/index.ts";
import { callbackOption, checkArguments, planSchema, surroundingsShape, textOption } from "./check-options.ts";
import { asLibrary, contextOf } from "./context-of.ts";
import type { Surroundings } from "./surroundings.ts";

/** How far a run is. */
export interface Progress {
  readonly doneActions: number;
  /** Of the plan; fewer once the run is to end early. */
  readonly totalActions: number;
  /** Trained so far. */
  readonly tokens: number;
  /** Since the first action began. */
  readonly seconds: number;
}

/** What a step or an evaluation tells of answers that are compared: means over rows, null where there are none. */
export interface PreferenceMeasures {
  /** Rewards of the chosen and the rejected, or of those whose label is yes and no, and their difference. */
  readonly rewardChosen: number | null;
  readonly rewardRejected: number | null;
  readonly margin: number | null;
  /** The share of pairs whose chosen answer has the higher reward. */
  readonly accuracy: number | null;
  /** Log-probabilities: of all tokens of an answer, or their mean where the loss takes that. */
  readonly logpChosen: number | null;
  readonly logpRejected: number | null;
  /** The mean loss of a token of the chosen answers, where the loss has it. */
  readonly nll: number | null;
  /** How far the adapter is from the base on answers to other prompts; of kto. */
  readonly kl: number | null;
}

/** One optimizer step of a job. */
export interface Step {
  readonly job: string;
  /** From 0. */
  readonly step: number;
  /** Mean loss of the scored tokens, in nats; or the job's loss of the answers that it compares. */
  readonly loss: number;
  /** Over the whole adapter, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Of the job's rows in the step. */
  readonly tokens: number;
  /** From the step's first forward to its last backward. */
  readonly seconds: number;
  /** Of a job whose loss compares answers. */
  readonly preference?: PreferenceMeasures;
}

/** A job on its held-out rows, after one of its steps. */
export interface Evaluation {
  readonly job: string;
  /** The step that it has made last, from 0. */
  readonly step: number;
  /** Mean loss of the scored tokens, in nats; or the job's loss of the answers that it compares. */
  readonly evaluationLoss: number;
  /** Of these rows. */
  readonly tokens: number;
  /** Whether it is lower than all of the job before. */
  readonly best: boolean;
  /** Of a job whose loss compares answers. */
  readonly preference?: PreferenceMeasures;
}

/** What was answered to a prompt of a job's `sample`. */
export interface SampleAnswer {
  readonly job: string;
  /** The step that the job has made last, from 0. */
  readonly step: number;
  readonly prompt: string;
  readonly by: "adapter" | "base";
  readonly text: string;
  /** Of the answer. */
  readonly tokens: number;
  /** Whether it ended by itself; it is cut where not. */
  readonly ended: boolean;
}

export interface RunOptions extends Surroundings {
  /** Ends the run early when it aborts: what has begun is finished, a checkpoint is written, `resume` goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Called some times a second. What a callback throws ends the run. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly onStep?: ((step: Step) => void) | undefined;
  readonly onEvaluation?: ((evaluation: Evaluation) => void) | undefined;
  /** Told all answers of a job after a step. */
  readonly onSample?: ((answers: readonly SampleAnswer[]) => void) | undefined;
  /** When checkpoints are written, and how many are kept: every 10 minutes, and 2, when absent. */
  readonly checkpoints?:
    | {
        /** From one to the next; 0: none by time. */
        readonly minutes?: number | undefined;
        /** Also of each so many-th step of some job; 0: none. */
        readonly steps?: number | undefined;
        readonly keep?: number | undefined;
      }
    | undefined;
  /** The folder for TensorBoard's event files, a folder in it for each job; none are written when absent. */
  readonly tensorboard?: string | undefined;
  /** Compares every byte of the model's weights with those that the plan was made with (`verifyWeights` of `plan`). */
  readonly verifyWeights?: boolean | undefined;
}

export interface TrainOptions extends RunOptions {
  /** The run folder: plan, trace, losses, adapters, checkpoints. Made where there is none. */
  readonly folder: string;
  /** Loses a finished run of the same plan in that folder. */
  readonly overwrite?: boolean | undefined;
}

/** Times are in seconds, memory is in bytes. */
export interface RunResult extends Omit<RunMetrics, "jobs"> {
  /** The run folder, absolute. */
  readonly folder: string;
  /** The plan that was carried out: of a run that went on, what was left of it. */
  readonly plan: Plan;
  /** What was executed, in nanoseconds; `compare` takes it. */
  readonly trace: Trace;
  readonly jobs: readonly TrainedJob[];
  /** By stage, the share of its time in which its device waited for this program. */
  readonly waitingForHostRatio: readonly number[];
  /** Whether `signal` ended it; `resume` goes on. */
  readonly endedEarly: boolean;
}

const runOptionsShape = {
  ...surroundingsShape,
  signal: z.instanceof(AbortSignal, { error: "an AbortSignal" }).optional(),
  onProgress: callbackOption,
  onStep: callbackOption,
  onEvaluation: callbackOption,
  onSample: callbackOption,
  checkpoints: z
    .strictObject({
      minutes: z.number().min(0).optional(),
      steps: z.int().min(0).optional(),
      keep: z.int().min(1).optional(),
    })
    .optional(),
  tensorboard: textOption.optional(),
  verifyWeights: z.boolean().optional(),
} satisfies Record<keyof RunOptions, z.ZodType>;

const trainArguments = z.strictObject({
  plan: planSchema,
  options: z.strictObject({ ...runOptionsShape, folder: textOption, overwrite: z.boolean().optional() }),
});
const resumeArguments = z.strictObject({ folder: textOption, options: z.strictObject(runOptionsShape) });

/** Tells the journal of the run that its end was asked for. */
function heard(signal: AbortSignal | undefined, run: RunFolder): Disposable {
  const listener = (): void => run.records.happened({ event: "asked to end" });
  signal?.addEventListener("abort", listener);
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", listener) };
}

async function carryOut(
  context: Context,
  folder: string,
  plan: Plan,
  options: RunOptions & { readonly overwrite?: boolean | undefined },
  resumed?: ResumablePlan,
): Promise<RunResult> {
  checkDevices(plan, undefined);
  const model = await openPlanModel(plan, options.verifyWeights === true ? "weights" : "shapes");
  const { overwrite = false } = options;
  const tensorboard = options.tensorboard === undefined ? undefined : absolute(context, options.tensorboard);
  if (resumed === undefined) {
    checkRunFolder(context, folder, plan, overwrite);
    const names = plan.jobs.map(({ name }) => name);
    if (tensorboard !== undefined && !overwrite) checkEventFolder(tensorboard, names, "options.tensorboard");
  }
  const data = await loadPlanData(context, plan, model);
  for (const remark of [...simulatedOnly(plan), ...calibratedElsewhere(plan)]) context.note(remark);
  const { signal, onProgress, onStep, onEvaluation, onSample, checkpoints = {} } = options;
  let opened: RunFolder | undefined;
  signal?.throwIfAborted();
  const { minutes, steps, keep } = DEFAULT_RHYTHM;
  const unwritten = (why: string): void => context.warn(`event files could not be written: ${why}`);
  const trained = await trainInFolder(
    context,
    folder,
    { plan, model, data, resumed },
    {
      overwrite,
      rhythm: {
        minutes: checkpoints.minutes ?? minutes,
        steps: checkpoints.steps ?? steps,
        keep: checkpoints.keep ?? keep,
      },
      stop: signal ?? new AbortController().signal,
      onLocked(run) {
        opened = run;
        return heard(signal, run);
      },
      onEvent: listener({
        progressed: ({ progress }) => onProgress?.(progress),
        stepped: ({ metrics }) => onStep?.(metrics),
        evaluated: ({ metrics }) => onEvaluation?.(metrics),
        sampled: ({ sample }) => onSample?.(opened!.records.linesOf(sample)),
        lost: ({ lost }) => context.warn(lostText(lost, "the others go on")),
      }),
      tensorboard: tensorboard === undefined ? undefined : { folder: tensorboard, onFailure: unwritten },
      onCheckpointFailure: (why) => context.warn(`no checkpoint could be written: ${why}`),
    },
  );
  const { result } = trained;
  const summary = runSummary(context, folder, plan, trained, stoppedJobs(plan, result, resumed));
  return { ...summary, folder: absolute(context, folder), plan, trace: result.trace };
}

/**
 * Trains a plan on this machine's devices and writes the run folder as it happens.
 * @throws InputError for a folder that holds something else, or a model or data that are not those of the plan
 * @throws DeviceError for a device that is missing or fails, or a full disk
 * @throws the signal's reason where it was aborted before anything began
 */
export async function train(plan: Plan, options: TrainOptions): Promise<RunResult> {
  checkArguments(trainArguments, { plan, options });
  const context = contextOf(options);
  return await asLibrary(context, async () => {
    noteIdleCores(context, plan.devices);
    return await carryOut(context, options.folder, plan, options);
  });
}

/**
 * Goes on with a run that was ended early or cut off, from its newest whole checkpoint; undefined where nothing is left.
 * @throws InputError for a folder of no such run; else as `train` does
 */
export async function resume(folder: string, options: RunOptions = {}): Promise<RunResult | undefined> {
  checkArguments(resumeArguments, { folder, options });
  const context = contextOf(options);
  return await asLibrary(context, async () => {
    const resumed = findResumable(context, folder, "plan");
    for (const line of resumed.notes) context.note(line);
    const rest = restOfRun(resumed);
    return rest === undefined ? undefined : await carryOut(context, folder, rest, options, resumed);
  });
}
