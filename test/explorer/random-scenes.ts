import { createRng } from "../../core/index.ts";
import type { Scene, SceneJobs } from "../../explorer/scene.ts";
import { changedScene } from "./scenes.ts";

/** GPUs of every size, and models from one to seventy billion parameters. */
const GPUS = ["RTX A6000", "A100 SXM 80", "H100 SXM", "L40S", "RTX 4090"];
const MODELS = ["tinyllama-1.1b", "llama-2-7b", "llama-2-13b", "llama-3-8b", "llama-2-70b"];

/** A scene that leaves to the planner what it can, drawn by a seed: 1 to 12 GPUs, 1 to 12 adapters of 1 to 3 kinds. */
export function randomScene(seed: number): Scene {
  const rng = createRng(seed);
  const one = <T>(values: readonly T[]): T => values[rng.nextInt(values.length)]!;
  const kinds = 1 + rng.nextInt(3);
  const jobs = Array.from({ length: kinds }, (): Partial<SceneJobs> => {
    const tokens = one([64, 150, 300, 700, 1500]);
    return {
      copies: 1 + rng.nextInt(4),
      rank: one([8, 16, 64]),
      targets: one(["queries and values", "attention", "all"] as const),
      batchSize: one([2, 4, 8, 16]),
      microBatchSize: one([0, 0, 1, 2]),
      steps: one([5, 20, 50, 120, 300]),
      tokens,
      spread: one([0, 0.3, 0.6, 1]),
      mostTokens: 2 * tokens,
    };
  });
  return changedScene({
    model: one(MODELS),
    dtype: one(["bfloat16", "nf4"] as const),
    recompute: one(["auto", "auto", "none", "layer"] as const),
    machines: [{ type: one(GPUS), count: one([1, 2, 3, 4, 6, 8, 12]), link: "", shared: one([false, false, true]) }],
    transfers: one(["overlapped", "overlapped", "overlapped", "synchronous"] as const),
    schedule: one(["auto", "auto", "auto", "1f1b", "gpipe", "lorapp"] as const),
    pipelines: one(["auto", "auto", "auto", 1] as const),
    groups: one(["auto", "auto", "unfused"] as const),
    jobs,
  });
}
