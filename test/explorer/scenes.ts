import { SCENE_PRESETS } from "../../explorer/presets.ts";
import type { Question } from "../../explorer/question.ts";
import { replyTo } from "../../explorer/reply.ts";
import type { Reply } from "../../explorer/reply-message.ts";
import type { Scene, SceneJobs, SceneMachine } from "../../explorer/scene.ts";
import { solvePacking } from "../../workbench/predict/solve-packing.ts";

const [{ scene: README_SCENE }] = SCENE_PRESETS;

export interface SceneChange extends Partial<Omit<Scene, "machines" | "jobs">> {
  readonly machines?: readonly Partial<SceneMachine>[];
  readonly jobs?: readonly Partial<SceneJobs>[];
}

/** The answer to a question, with rows packed in this thread. */
export function answerTo(question: Question): Promise<Reply> {
  return replyTo(question, (problems) => Promise.all(problems.map((problem) => solvePacking({ problem }))));
}

/** The scene of the README, with few steps, and a change. */
export function changedScene({ machines = [{}], jobs = [{}], ...settings }: SceneChange = {}): Scene {
  const [machine, kind] = [README_SCENE.machines[0]!, { ...README_SCENE.jobs[0]!, steps: 5 }];
  return {
    ...README_SCENE,
    ...settings,
    machines: machines.map((each) => ({ ...machine, ...each })),
    jobs: jobs.map((each, index) => ({ ...kind, name: `kind${index}`, ...each })),
  };
}

/** Every field of a scene away from where it stands in the README, and several at once. */
export const SCENES: readonly (readonly [name: string, scene: Scene])[] = [
  ["the README's", README_SCENE],
  ["abstract devices", SCENE_PRESETS[1]!.scene],
  ["the paper's TinyLlama", SCENE_PRESETS[2]!.scene],
  ["two machines with a network", SCENE_PRESETS[6]!.scene],
  ["one GPU", changedScene({ machines: [{ count: 1 }] })],
  ["seven GPUs", changedScene({ machines: [{ count: 7 }] })],
  ["NVLink", changedScene({ machines: [{ type: "A100 SXM 80", count: 4, link: "nvlink3", shared: false }] })],
  ["the link of the GPU", changedScene({ machines: [{ type: "L40S", link: "", shared: false }] })],
  ["two types of GPUs", changedScene({ machines: [{ count: 2 }, { type: "L40S", count: 2 }], networkGigabits: 25 })],
  [
    "three machines at a switch",
    changedScene({ machines: [{ count: 2 }, { count: 1 }, { count: 1 }], networkGigabits: 10, network: "a switch" }),
  ],
  [
    "senders that wait, messages in bfloat16",
    changedScene({ dtype: "float32", transfers: "synchronous", messages: "bfloat16" }),
  ],
  ["messages that block", changedScene({ transfers: "blocking", machines: [{ count: 2 }, { count: 2 }] })],
  ["two pipelines", changedScene({ pipelines: 2 })],
  ["GPipe", changedScene({ schedule: "gpipe" })],
  ["1F1B with a limit", changedScene({ schedule: "1f1b", maxInFlight: 2 })],
  ["no sharing", changedScene({ groups: "unfused", maxInFlight: "none" })],
  ["one group", changedScene({ groups: 1 })],
  ["two jobs at once", changedScene({ jobsAtOnce: 2, groups: "unfused" })],
  ["all layers computed twice", changedScene({ recompute: "layer" })],
  ["a base of 4 bits", changedScene({ dtype: "nf4", model: "llama-2-13b" })],
  ["rows that are all alike", changedScene({ jobs: [{ spread: 0, tokens: 700, mostTokens: 1024 }] })],
  ["the planner's micro-batches", changedScene({ jobs: [{ microBatchSize: 0, batchSize: 12, targets: "all" }] })],
  ["jobs over time", SCENE_PRESETS[7]!.scene],
  [
    "jobs over time under the twin, in two pipelines",
    changedScene({ policy: "twin", pipelines: 2, jobs: [{ apartSeconds: 2.5 }, { arrivalSeconds: 1, priority: 3 }] }),
  ],
  [
    "jobs over time of two users, fairly",
    changedScene({
      policy: "fair",
      jobs: [
        { user: "ada", apartSeconds: 1 },
        { user: "grace", arrivalSeconds: 2 },
      ],
    }),
  ],
  [
    "jobs over time with deadlines",
    changedScene({
      policy: "deadline",
      jobsAtOnce: 1,
      jobs: [{ deadlineSeconds: 60 }, { copies: 1, deadlineSeconds: 0.5 }],
    }),
  ],
  [
    "jobs over time that share micro-batches, packed by a solver",
    changedScene({
      policy: "packed",
      pipelines: 1,
      jobs: [
        { batchSize: 4, copies: 2 },
        { copies: 1, rank: 8, tokens: 200 },
      ],
    }),
  ],
  ["layers by hand", changedScene({ layersPerStage: "9,8,8,7", recompute: "none" })],
  ["layers by hand in two pipelines", changedScene({ layersPerStage: "20,12", policy: "sjf", jobs: [{ steps: 3 }] })],
  ["tensor parallel", changedScene({ schedule: "tp", jobs: [{ copies: 2 }] })],
  ["FSDP, layers computed twice", changedScene({ schedule: "fsdp", recompute: "layer" })],
  ["DDP", changedScene({ schedule: "ddp", machines: [{ count: 2 }] })],
  ["interleaved 1F1B", changedScene({ schedule: "interleaved" })],
  ["ZB-H1", changedScene({ schedule: "zb-h1" })],
  ["the paper's Llama 2 13B with FSDP", { ...SCENE_PRESETS[4]!.scene, schedule: "fsdp", recompute: "layer" }],
  [
    "three kinds of adapters",
    changedScene({
      jobs: [
        { copies: 2 },
        { copies: 1, rank: 64, targets: "queries and values" },
        { copies: 2, steps: 9, tokens: 120 },
      ],
    }),
  ],
];
