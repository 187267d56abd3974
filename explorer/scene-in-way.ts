import type { ConsideredWay } from "../plan/index.ts";
import type { ComparisonSchedule } from "../studies/index.ts";
import type { Scene } from "./scene.ts";

/** A scene whose adapters are cut into micro-batches of so many tokens, where they leave that open. */
export interface CutScene extends Scene {
  readonly microBatchTokens?: number;
}

/**
 * A way to train a scene: as it asks for (`asked`), as the planner would (`planned`), another one that the planner looked
 * at, or a schedule that is simulated only.
 */
export type SceneWay = "asked" | "planned" | ConsideredWay | ComparisonSchedule;

/** The scene that leaves open nothing which a way of doing it has chosen. */
export function sceneInWay(scene: Scene, way: SceneWay): CutScene {
  if (way === "asked") return scene;
  if (typeof way === "string") return { ...scene, schedule: way === "planned" ? "auto" : way };
  const { schedule, pipelines, groups, jobsAtOnce } = scene;
  const { microBatchTokens } = way;
  return {
    ...scene,
    schedule: schedule === "auto" ? way.schedule : schedule,
    pipelines: pipelines === "auto" ? way.numPipelines : pipelines,
    groups: groups === "auto" ? (way.isShared ? way.numGroups : "unfused") : groups,
    jobsAtOnce: jobsAtOnce === "auto" ? (way.jobsAtOnce ?? "all") : jobsAtOnce,
    ...(microBatchTokens === null ? {} : { microBatchTokens }),
  };
}
