import { CATALOG, dtypeSchema, POLICIES, PRESETS, recomputeSchema, SCHEDULES } from "../plan/index.ts";
import { COMPARISON_SCHEDULES } from "../studies/index.ts";
import { paperCalibration } from "./paper-calibration.ts";
import type { Preset } from "./presets.ts";
import { SCENE_PRESETS } from "./presets.ts";
import type { SceneChoices } from "./scene-fields.ts";

/** What the page is made of; server side and client share it. */
export interface ExplorerPageData {
  readonly choices: SceneChoices;
  readonly presets: readonly [Preset, ...Preset[]];
  /** Text of the calibration file that the paper's scenes have. */
  readonly paperCalibration: string;
  /** The script of its workers. */
  readonly worker: string;
  /** The solver that packs rows under the policy `packed`, as WebAssembly: compressed by gzip, in base 64. */
  readonly solver: string;
  readonly date: string;
  readonly version: string;
}

/** The names that a scene can have: of models, GPUs and links that loratwin knows. */
export function sceneNames(): SceneChoices {
  const gpus = Object.entries(CATALOG.devices).filter(([, { kind }]) => kind === "cuda");
  return {
    models: Object.keys(PRESETS),
    devices: [...gpus.map(([name]) => name), "unit"],
    links: ["", ...Object.keys(CATALOG.links).filter((name) => name !== "host")],
    schedules: ["auto", ...SCHEDULES, ...COMPARISON_SCHEDULES],
    dtypes: dtypeSchema.options,
    recomputes: recomputeSchema.options,
    policies: ["none", ...POLICIES],
  };
}

export function explorerPageData(
  facts: Pick<ExplorerPageData, "worker" | "solver" | "date" | "version">,
): ExplorerPageData {
  return { ...facts, choices: sceneNames(), presets: SCENE_PRESETS, paperCalibration: paperCalibration() };
}
