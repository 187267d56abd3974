import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import type { Iteration, LayerTime } from "../../studies/index.ts";
import { hasKernelTimes, type KernelTimes, readKernelTimes } from "../../workbench/index.ts";
import { type ExpertTime, hasExpertTimes, readExpertTimes } from "./expert-times.ts";
import { hasIterations, readIterations } from "./iterations.ts";
import { layerTimesSchema, readLayerTimes } from "./layer-times.ts";
import { type ProfiledPipelines, profiledPipelineSchema, readProfiledPipelines } from "./profiled-pipelines.ts";
import { hasTrainingSteps, readTrainingSteps, type TrainingSteps } from "./training-steps.ts";

/** Published numbers in one of the six forms that a model exists for. The form is told by the file's content. */
export type Observations = {
  /** Where it was found, relative to what was searched. */
  readonly file: string;
  /** Of the file's bytes. */
  readonly digest: string;
  /** What the file says about its device: words in which a catalog name may stand. */
  readonly about: string;
} & (
  | { readonly form: "pipelines"; readonly data: ProfiledPipelines }
  | { readonly form: "iterations"; readonly data: readonly Iteration[] }
  | { readonly form: "layers"; readonly data: readonly LayerTime[] }
  | { readonly form: "steps"; readonly data: TrainingSteps }
  | { readonly form: "kernels"; readonly data: ReadonlyMap<string, KernelTimes> }
  | { readonly form: "experts"; readonly data: readonly ExpertTime[] }
);

function filesUnder(place: string): readonly string[] {
  if (!statSync(place).isDirectory()) return [place];
  return readdirSync(place)
    .sort()
    .flatMap((name) => filesUnder(path.join(place, name)));
}

/** What a file holds, in its form. */
type Contents = Observations extends infer Each
  ? Each extends Observations
    ? Omit<Each, "file" | "digest">
    : never
  : never;

function readJson(text: string): Contents | undefined {
  const document: unknown = JSON.parse(text);
  const pipelines = profiledPipelineSchema.safeParse(document);
  if (pipelines.success)
    return { about: pipelines.data.source, form: "pipelines", data: readProfiledPipelines(pipelines.data) };
  const layers = layerTimesSchema.safeParse(document);
  if (!layers.success) return undefined;
  const { source, device } = layers.data;
  return { about: device ?? source, form: "layers", data: readLayerTimes(layers.data) };
}

/**
 * Every file of a known form at or under a place.
 * @throws InputError where there is none, or a file of a known form has a bad row.
 */
export function readObservations(place: string, skipped: (file: string) => void): readonly Observations[] {
  if (!existsSync(place)) throw new InputError({ expected: "a file or folder of published measurements", got: place });
  const folder = statSync(place).isDirectory() ? place : path.dirname(place);
  const found = filesUnder(place).flatMap((name): readonly Observations[] => {
    const file = path.relative(folder, name);
    const text = readFileSync(name, "utf8");
    const contents = name.endsWith(".json")
      ? readJson(text)
      : hasIterations(text)
        ? { about: file, form: "iterations" as const, data: readIterations(text) }
        : hasTrainingSteps(text)
          ? { about: file, form: "steps" as const, data: readTrainingSteps(text, file) }
          : hasKernelTimes(text)
            ? { about: file, form: "kernels" as const, data: readKernelTimes(text, name) }
            : hasExpertTimes(text)
              ? { about: file, form: "experts" as const, data: readExpertTimes(text) }
              : undefined;
    if (contents === undefined) {
      skipped(file);
      return [];
    }
    return [{ file, digest: createHash("sha256").update(text).digest("hex"), ...contents }];
  });
  if (found.length === 0)
    throw new InputError({
      expected:
        "a file of a known form: layer times, a profile with measured plans, or a CSV table of iterations, of training steps, of kernels or of experts",
      got: path.basename(place),
    });
  return found;
}
