import { PAPER_LINK } from "./paper-calibration.ts";
import type { Scene, SceneJobs } from "./scene.ts";

export interface Preset {
  readonly name: string;
  readonly scene: Scene;
}

/** All of this is left to the planner. */
const OPEN = {
  calibration: "catalog",
  recompute: "auto",
  networkGigabits: 100,
  networkMicroseconds: 10,
  network: "one for all",
  transfers: "overlapped",
  messages: "as computed",
  schedule: "auto",
  pipelines: "auto",
  groups: "auto",
  maxInFlight: "auto",
  jobsAtOnce: "auto",
  layersPerStage: "",
  policy: "none",
  pricePerHour: 0,
} as const satisfies Partial<Scene>;

/** As in examples/gpu-workload.yaml. */
const ATTENTION: SceneJobs = {
  name: "job",
  copies: 4,
  rank: 16,
  targets: "attention",
  batchSize: 8,
  microBatchSize: 2,
  steps: 50,
  tokens: 300,
  spread: 0.6,
  mostTokens: 512,
  arrivalSeconds: 0,
  apartSeconds: 0,
  priority: 0,
  user: "",
  deadlineSeconds: 0,
};

/** The LoRAPP paper's jobs: batches of 8 rows of 512 tokens in four micro-batches (PVLDB 18(6), section 7). */
const PAPER: SceneJobs = { ...ATTENTION, tokens: 512, spread: 0, steps: 20 };

/** As in examples/jobs-over-time.yaml. */
const LATER: SceneJobs = { ...ATTENTION, copies: 1, tokens: 250 };

const A6000 = { type: "RTX A6000", count: 4, link: "pcie4x16", shared: true } as const;

/** With the times that were calibrated on the evaluation, the order and the groups that it reports, and even stages. */
function paper(name: string, model: string, copies: number, choices: Pick<Scene, "groups" | "layersPerStage">): Preset {
  return {
    name: `Paper: ${copies} adapters on ${name}, four RTX A6000`,
    scene: {
      ...OPEN,
      ...choices,
      calibration: "paper",
      recompute: "none",
      schedule: "lorapp",
      pipelines: 1,
      model,
      dtype: "float32",
      machines: [{ ...A6000, link: PAPER_LINK, shared: false }],
      jobs: [{ ...PAPER, copies }],
    },
  };
}

/** Scenes to begin with; the first is shown where the address has none. */
export const SCENE_PRESETS: readonly [Preset, ...Preset[]] = [
  {
    name: "Example: four adapters on Llama 2 7B, four RTX A6000",
    scene: { ...OPEN, model: "llama-2-7b", dtype: "bfloat16", machines: [A6000], jobs: [ATTENTION] },
  },
  {
    name: "Example: four adapters on abstract devices",
    scene: {
      ...OPEN,
      maxInFlight: "none",
      model: "llama-2-7b",
      dtype: "float32",
      machines: [{ type: "unit", count: 4, link: "", shared: false }],
      jobs: [
        {
          ...ATTENTION,
          rank: 8,
          targets: "queries and values",
          batchSize: 1,
          microBatchSize: 1,
          steps: 12,
          tokens: 16,
          spread: 0,
        },
      ],
    },
  },
  paper("TinyLlama", "tinyllama-1.1b", 12, { groups: 4, layersPerStage: "6,6,5,5" }),
  paper("Llama 2 7B", "llama-2-7b", 4, { groups: "unfused", layersPerStage: "8,8,8,8" }),
  paper("Llama 2 13B", "llama-2-13b", 2, { groups: "unfused", layersPerStage: "10,10,10,10" }),
  {
    name: "Eight H100 with NVLink, 8 adapters on Llama 3 8B",
    scene: {
      ...OPEN,
      model: "llama-3-8b",
      dtype: "bfloat16",
      machines: [{ type: "H100 SXM", count: 8, link: "nvlink4", shared: false }],
      jobs: [{ ...ATTENTION, copies: 8, batchSize: 16, microBatchSize: 0, steps: 30, tokens: 600, mostTokens: 2048 }],
    },
  },
  {
    name: "Two machines, a 70B model in 4 bits",
    scene: {
      ...OPEN,
      model: "llama-3-70b",
      dtype: "nf4",
      machines: [
        { type: "A100 SXM 80", count: 2, link: "nvlink3", shared: false },
        { type: "A100 SXM 80", count: 2, link: "nvlink3", shared: false },
      ],
      jobs: [{ ...ATTENTION, microBatchSize: 0, steps: 30, tokens: 600, mostTokens: 1024 }],
    },
  },
  {
    name: "Example: jobs over time on four RTX A6000, the shortest first",
    scene: {
      ...OPEN,
      policy: "sjf",
      jobsAtOnce: 2,
      model: "llama-2-7b",
      dtype: "bfloat16",
      machines: [A6000],
      jobs: [
        { ...LATER, name: "nightly", steps: 200 },
        { ...LATER, name: "quick", steps: 20, arrivalSeconds: 10, priority: 2 },
        { ...LATER, name: "study", steps: 100, arrivalSeconds: 15 },
        { ...LATER, name: "demo", steps: 10, arrivalSeconds: 20, priority: 1 },
        { ...LATER, name: "long", steps: 150, arrivalSeconds: 40 },
      ],
    },
  },
];
