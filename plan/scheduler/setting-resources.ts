import { maximum, sum } from "../../core/index.ts";
import type { PlannedJob, PlannedRow } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { adapterBytesOn, roomForAdapters } from "../growth/adapter-shares.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { Resources } from "./resources.ts";

/** A job of a fleet as it is planned, and what it trains: rows by step and part, with any number in place of the job's. */
export interface FleetWork {
  readonly job: PlannedJob;
  readonly steps: readonly (readonly (readonly PlannedRow[])[])[];
}

export interface SettingWork {
  readonly setting: Setting;
  /** By the jobs' numbers; more may come. */
  readonly works: readonly FleetWork[];
  /** The most jobs that train at once on a pipeline, even where there is room for more. */
  readonly most?: number;
  readonly iterationNs: Resources["iterationNs"];
}

/** What the pipelines of a setting have room for: adapters, gradients and moments within the memory of each stage. */
export function settingResources({ setting, works, most, iterationNs }: SettingWork): Resources {
  const stagesOf = setting.pipelines.map(({ firstStage, endStage }) =>
    Array.from({ length: endStage - firstStage }, (_, at) => firstStage + at),
  );
  const known = new Map<string, number>();
  const bytesOn = (stage: number, { number }: FleetJob): number => {
    const key = `${stage} ${number}`;
    const bytes = known.get(key) ?? adapterBytesOn(setting, stage, works[number]!.job);
    known.set(key, bytes);
    return bytes;
  };
  return {
    numPipelines: setting.pipelines.length,
    isSteady: true,
    shortfall(pipeline, jobs) {
      if (most !== undefined && jobs.length > most) return { kind: "jobs", most };
      for (const stage of stagesOf[pipeline]!) {
        const bytes = sum(jobs.map((job) => bytesOn(stage, job))) - roomForAdapters(setting, stage);
        if (bytes > 0) return { kind: "memory", device: setting.devices[setting.stages[stage]!.device]!.name, bytes };
      }
      return undefined;
    },
    kindOf({ number }) {
      const { rank, targets } = works[number]!.job.adapter;
      return `${rank} ${targets.join()}`;
    },
    iterationNs,
    nextBytes: (job) => maximum(stagesOf.flat().map((stage) => bytesOn(stage, job))),
    nextLength({ number, done }) {
      const { steps } = works[number]!;
      return maximum(steps[done % steps.length]!.flat().map(([, , tokens]) => tokens));
    },
  };
}
