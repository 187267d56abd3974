import path from "node:path";
import type { FleetExecutionInput, LostPipeline, ModelFolder, StageHost } from "../../exec/index.ts";
import type { Place } from "../../files/index.ts";
import type { CostModel, HalvedSweep, Policy, Resources, Setting, Sharing, Users } from "../../plan/index.ts";
import type { ProbedState } from "../../workbench/index.ts";
import type { CheckpointRhythm } from "../checkpoints/checkpoint-rhythm.ts";
import type { JournalEvent } from "../folder/journal.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import type { TensorBoardLog } from "../loggers/tensorboard.ts";
import type { FleetThatGoesOn } from "../resume/restore-jobs.ts";
import { resumedEvent } from "../resume/stopped-run.ts";
import { runVersions } from "../train-plan.ts";
import type { KnownWorks } from "./known-works.ts";

export interface LiveFleetInput {
  readonly place: Place;
  /** As `FleetFolder` has it. */
  readonly probed?: ProbedState | undefined;
  /** New, or empty, or that of the fleet that goes on. */
  readonly folder: string;
  /** Bytes that are kept of the plan as it grew and of what devices reported; 256 MB where absent. */
  readonly mostBytes?: number | undefined;
  readonly setting: Setting;
  readonly costs: CostModel;
  readonly model: ModelFolder;
  /** Where the stages run; this machine's devices when absent. */
  readonly host?: StageHost | undefined;
  readonly policy: Policy;
  readonly resources: Resources;
  /** How jobs share micro-batches under the policy; absent where each has its own. */
  readonly sharing: Sharing | undefined;
  readonly works: KnownWorks;
  /** What is allowed to users over all of their jobs. */
  readonly users?: Users | undefined;
  /** The most jobs that train at once on a pipeline; as many as there is room for when absent. */
  readonly jobsAtOnce?: number;
  /** Jobs that are compared with each other while they train, by the names that they will come with. */
  readonly sweeps: readonly HalvedSweep[];
  readonly rhythm: CheckpointRhythm;
  /** A fleet that was cut off, and goes on. */
  readonly goesOn?: FleetThatGoesOn | undefined;
  /** Writes TensorBoard's event files. */
  readonly log?: TensorBoardLog | undefined;
  /** Devices of a pipeline have stopped. */
  readonly onLost?: (lost: LostPipeline) => void;
  /** A checkpoint could not be written. */
  readonly onFailure?: (why: string) => void;
}

/** Where states of jobs on no device are kept in the folder of a run. */
export function pagesIn(folder: string, { states }: Setting): NonNullable<FleetExecutionInput["pages"]> {
  return {
    mostBytes: states?.hostBytes ?? Number.POSITIVE_INFINITY,
    folder: path.join(folder, RUN_FILES.pages),
  };
}

/** What is written down before the devices are set up. */
export function startEvents(input: LiveFleetInput): readonly JournalEvent[] {
  const { setting, model, policy, jobsAtOnce, resources, goesOn } = input;
  const who = {
    policy: policy.name,
    ...(jobsAtOnce === undefined ? {} : { jobsAtOnce }),
    model: model.folder,
    ...(resources.learning === undefined ? {} : { sizes: "learned" as const }),
  };
  const started = { event: "started", versions: runVersions(setting), process: process.pid, ...who } as const;
  if (goesOn === undefined) return [started];
  // Of jobs that are not over.
  const steps = new Map(goesOn.restored.jobs.map(({ comer, event }) => [comer.job.name, event.done]));
  return [started, resumedEvent(goesOn.found, steps)];
}
