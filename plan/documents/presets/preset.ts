import type { z } from "zod";
import type { huggingFaceConfigSchema } from "../model-config.ts";

/** Keys of a config.json. */
export type Preset = z.input<typeof huggingFaceConfigSchema>;
export type Presets = Readonly<Record<string, Preset>>;
