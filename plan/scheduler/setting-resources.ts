import { maximum } from "../../core/index.ts";
import type { Setting } from "../documents/setting.ts";
import type { FleetWork } from "./fleet-work.ts";
import { type JobSizes, type LearningSizes, plannedSizes } from "./job-sizes.ts";
import { type LearnedSizes, learnedSizes } from "./learned-sizes.ts";
import type { Learning, Resources } from "./resources.ts";

export interface SettingWork {
  readonly setting: Setting;
  /** By the jobs' numbers; more may come. */
  readonly works: readonly FleetWork[];
  /** The most jobs that train at once on a pipeline, even where there is room for more. */
  readonly most?: number;
  readonly iterationNs: Resources["iterationNs"];
  /** Sizes of jobs are learned from what these take; they are what is planned when absent. */
  readonly learned?: LearnedSizes;
}

/** By step, once it was asked about: that is so at every decision while its job waits. */
const LONGEST = new WeakMap<FleetWork["steps"], number[]>();

function longestRow(steps: FleetWork["steps"], step: number): number {
  const known = LONGEST.get(steps) ?? [];
  LONGEST.set(steps, known);
  known[step] ??= maximum(
    steps
      .at(step)!
      .flat()
      .map(([, , tokens]) => tokens),
  );
  return known[step];
}

/**
 * What the pipelines of a setting have room for: adapters, gradients and moments within the memory of each stage, or
 * whatever jobs are seen to take.
 */
export function settingResources({ setting, works, most, iterationNs, learned }: SettingWork): Resources {
  const stagesOf = setting.pipelines.map(({ firstStage, endStage }) =>
    Array.from({ length: endStage - firstStage }, (_, at) => firstStage + at),
  );
  const learningBy = (sizes: JobSizes, { fits, withFits, learn, expected }: LearningSizes): Learning => ({
    fits,
    withFits: (others) => resourcesBy(withFits(others)),
    reserve: (pipeline, job) => stagesOf[pipeline]!.map((stage) => sizes.bytesOn(stage, job)),
    learn: (job, bytes) => resourcesBy(learn(job, bytes)),
    expected: (pipeline, job) => stagesOf[pipeline]!.map((stage) => expected(stage, job)),
  });
  const resourcesBy = (sizes: JobSizes): Resources => ({
    numPipelines: setting.pipelines.length,
    microBatchTokens: Math.min(...setting.pipelines.map(({ room }) => room.maxTokens)),
    isSteady: true,
    shortfall(pipeline, jobs) {
      if (most !== undefined && jobs.length > most) return { kind: "jobs", most };
      for (const stage of stagesOf[pipeline]!) {
        let bytes = -sizes.room(stage);
        for (const job of jobs) bytes += sizes.bytesOn(stage, job);
        if (bytes > 0) return { kind: "memory", device: setting.devices[setting.stages[stage]!.device]!.name, bytes };
      }
      return undefined;
    },
    kindOf: (job) => sizes.kindOf(job),
    iterationNs,
    nextBytes: (job) => maximum(stagesOf.flat().map((stage) => sizes.bytesOn(stage, job))),
    nextLength({ number, done }) {
      const { steps } = works[number]!;
      return longestRow(steps, done % steps.length);
    },
    ...(sizes.learning === undefined ? {} : { learning: learningBy(sizes, sizes.learning) }),
  });
  return resourcesBy(learned === undefined ? plannedSizes(setting, works) : learnedSizes(setting, works, learned));
}
