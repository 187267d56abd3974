import { canonicalJson, InvariantError } from "../../core/index.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import type { Setting } from "../documents/setting.ts";
import { adapterBytesOn, roomForAdapters } from "../growth/adapter-shares.ts";
import {
  type FittedMemory,
  INITIAL_MEMORY,
  learnMemory,
  type MemoryFits,
  predictMemory,
} from "../memory/fitted-memory.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { FleetWork } from "./fleet-work.ts";
import { type JobSizes, jobTerms, remembered } from "./job-sizes.ts";

/** Sizes of jobs that are learned from what jobs are seen to take. */
export interface LearnedSizes {
  /** Bytes that a stage's device has for jobs; its room for adapters when absent. */
  readonly room?: (stage: number) => number;
  /** Bytes of a job by the model that the fit starts from; those of its adapter when absent. */
  readonly start?: (stage: number, work: FleetWork) => number;
  /**
   * Bytes that a job takes at most, which are kept for it as long as the fit has seen too little: all that there is
   * when absent, so that it trains its first iteration alone.
   */
  readonly worst?: (stage: number, work: FleetWork) => number;
  /** How many margins are kept beside a predicted size. */
  readonly margins?: number;
}

/** Points from which a fit and its margin are relied on: after so many its errors are below 0.5 %. */
const SETTLED = 15;
/** Margins are such that one job in twenty is beyond them; nobody is to be beyond what is kept. */
const MARGINS = 3;

/** Stages whose devices hold the same for the same job. */
function alikeStages({ stages, devices, model }: Setting): readonly string[] {
  return stages.map(({ index: _index, device, ...stage }) => {
    const { kind, type, threads } = devices[device]!;
    return canonicalJson({ ...stage, kind, type, threads, dtype: model.dtype });
  });
}

/**
 * What is kept for a job: what it was seen to take on a pipeline like this; else its size by the fit and margins beside
 * it, or its worst case as long as the fit has seen too little. While it is on a pipeline that stays as it was when it
 * came, until it is measured.
 */
export function learnedSizes(setting: Setting, works: readonly FleetWork[], learned: LearnedSizes): JobSizes {
  const {
    room = (stage) => roomForAdapters(setting, stage),
    start = (stage, { job }) => adapterBytesOn(setting, stage, job),
    worst = room,
    margins = MARGINS,
  } = learned;
  const stages = alikeStages(setting);
  const { ofStage } = pipelineTable(setting);
  const isAlike = setting.pipelines.map((own) =>
    setting.pipelines.map(
      (other) =>
        canonicalJson(stages.slice(own.firstStage, own.endStage)) ===
        canonicalJson(stages.slice(other.firstStage, other.endStage)),
    ),
  );
  const termsOf = remembered((stage, number) => {
    const work = works[number]!;
    return jobTerms(setting, stage, work, start(stage, work));
  });
  /** Jobs of one kind on a stage are predicted alike. */
  const kindOn = remembered(
    (stage, number) => `${stage} ${canonicalJson(termsOf(stage, number))} ${worst(stage, works[number]!)}`,
  );
  const kindOf = remembered((numStages, number) =>
    canonicalJson(Array.from({ length: numStages }, (_, stage) => termsOf(stage, number))),
  );

  /** What a job was seen to take of a stage's device, on a pipeline like its own. */
  const seen = (stage: number, { measured }: FleetJob): number | undefined => {
    const own = ofStage(stage);
    const isKnown = measured !== undefined && isAlike[measured.pipeline]![setting.pipelines.indexOf(own)]!;
    return isKnown ? measured.bytes[stage - own.firstStage]! : undefined;
  };

  const sizesBy = (fits: MemoryFits): JobSizes => {
    const fitOf = (stage: number): FittedMemory => fits[stages[stage]!] ?? INITIAL_MEMORY;
    const byKind = new Map<string, number>();
    const predicted = (stage: number, number: number): number => {
      const kind = kindOn(stage, number);
      const bytes = byKind.get(kind) ?? keptFor(stage, number);
      byKind.set(kind, bytes);
      return bytes;
    };
    const keptFor = (stage: number, number: number): number => {
      const [fit, all] = [fitOf(stage), room(stage)];
      const least = fit.points < SETTLED ? worst(stage, works[number]!) : 0;
      if (least >= all) return all;
      const { bytes, margin } = predictMemory(fit, termsOf(stage, number));
      // A fit of few points may say anything: whoever comes is to be tried.
      if (fit.points < SETTLED) return Math.min(Math.max(bytes, least), all);
      // What is thought to have room alone has it.
      return Math.min(bytes + margins * margin, Math.max(bytes, all));
    };
    return {
      room,
      bytesOn(stage, job) {
        const own = ofStage(stage);
        const { number, pipeline, reserved } = job;
        if (reserved !== undefined && pipeline === setting.pipelines.indexOf(own))
          return reserved[stage - own.firstStage]!;
        return seen(stage, job) ?? predicted(stage, number);
      },
      kindOf: ({ number, measured }) => `${kindOf(stages.length, number)} ${canonicalJson(measured ?? null)}`,
      learning: {
        fits,
        withFits: sizesBy,
        learn({ number, pipeline }, bytes) {
          const { firstStage, endStage } = setting.pipelines[pipeline!]!;
          if (bytes.length !== endStage - firstStage)
            throw new InvariantError({ expected: `bytes of ${endStage - firstStage} devices`, got: bytes });
          const next: Record<string, FittedMemory> = { ...fits };
          bytes.forEach((each, at) => {
            const stage = firstStage + at;
            const kind = stages[stage]!;
            // A job without a part of its adapter there says nothing of others.
            if (each > 0) next[kind] = learnMemory(next[kind] ?? INITIAL_MEMORY, termsOf(stage, number), each);
          });
          return sizesBy(next);
        },
        expected(stage, job) {
          const before = seen(stage, job);
          if (before !== undefined) return before;
          const terms = termsOf(stage, job.number);
          return terms.planned === 0 ? 0 : predictMemory(fitOf(stage), terms).bytes;
        },
      },
    };
  };
  return sizesBy({});
}
