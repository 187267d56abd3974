import { z } from "zod";
import { InputError } from "../../core/index.ts";
import { type Architecture, architectureFromConfig, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import type { LayerTime } from "../../studies/index.ts";

const byTokens = z.record(z.string().regex(/^\d+$/), z.number().positive());

/**
 * Times of LoRA decoder layers by packed tokens. A model is named, or its architecture is given as `config`
 * (config.json).
 */
export const layerTimesSchema = z.strictObject({
  source: z.string(),
  /** A device of the catalog; without it the first whose name stands in `source`. */
  device: z.string().optional(),
  models: z
    .array(
      z.strictObject({
        name: z.string(),
        layers: z.int().positive(),
        hiddenSize: z.int().positive(),
        config: huggingFaceConfigSchema.optional(),
        decoderLayerForwardSeconds: byTokens,
        decoderLayerForwardBackwardSeconds: byTokens,
        embeddingAndHeadForwardBackwardSeconds: byTokens.optional(),
      }),
    )
    .min(1),
});

type LayerTimesFile = z.infer<typeof layerTimesSchema>;

/** Published models that share a preset's shape. */
const SAME_SHAPE: Readonly<Record<string, string>> = {
  "llama-3.1-8b": "llama-3-8b",
  "llama-3.1-70b": "llama-3-70b",
  "qwq-32b": "qwen-2.5-32b",
};

function architectureOf(model: LayerTimesFile["models"][number]): Architecture {
  const name = model.name.toLowerCase().replace(/-instruct$/, "");
  const preset = PRESETS[SAME_SHAPE[name] ?? name];
  const config = model.config ?? (preset === undefined ? undefined : huggingFaceConfigSchema.parse(preset));
  if (config === undefined)
    throw new InputError({ expected: "a model of the presets, or its config.json as `config`", got: model.name });
  return architectureFromConfig(config);
}

/** The times of a file, one entry each. @throws InputError for a model whose shape is not known. */
export function readLayerTimes(file: LayerTimesFile): readonly LayerTime[] {
  return file.models.flatMap((model) => {
    const arch = architectureOf(model);
    const times = (seconds: Readonly<Record<string, number>>, part: LayerTime["part"], passes: LayerTime["passes"]) =>
      Object.entries(seconds).map(([tokens, value]) => ({
        model: model.name,
        arch,
        part,
        passes,
        tokens: Number(tokens),
        seconds: value,
      }));
    return [
      ...times(model.decoderLayerForwardSeconds, "layer", ["F"]),
      ...times(model.decoderLayerForwardBackwardSeconds, "layer", ["F", "I"]),
      ...times(model.embeddingAndHeadForwardBackwardSeconds ?? {}, "head", ["F", "I"]),
    ];
  });
}
