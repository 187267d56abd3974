import { architectureFromConfig, CATALOG, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import { acceleratorOf } from "./accelerator.ts";
import type { StepFitSetting, TrainingStep } from "./fit-training-steps.ts";
import type { ProductPrecision, TrainingSystem } from "./training-system.ts";

/** What rows have in common but for what stands here; the precision of products is 8 bits where nothing is said. */
interface RowFacts
  extends Partial<
    Pick<
      TrainingSystem,
      | "tensorParallel"
      | "contextParallel"
      | "contextExchange"
      | "accumulation"
      | "recomputedLayers"
      | "isSharded"
      | "hasGraphs"
      | "overlaps"
    >
  > {
  readonly accelerators: number;
  readonly precision?: ProductPrecision;
  readonly isDoubtful?: boolean;
  /** Of systems that differ in something else than what is read here: which of them. */
  readonly variant?: number;
}

/** Equal systems, and the seconds of a step at each site. */
type Row = readonly [accelerator: string, facts: RowFacts, seconds: readonly number[]];

/**
 * Source: logs of MLPerf Training v4.0 to v5.1, llama2_70b_lora (github.com/mlcommons, Apache-2.0; MLPerf is a trademark of
 * MLCommons): medians of steps over blocks and runs, derived and not official scores. By software, the newest of each
 * family last. Packed rows of 8192 tokens, one a micro-batch.
 */
const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "nemo1-v4.0": [
    ["H100 SXM", { accelerators: 8, tensorParallel: 4, accumulation: 4 }, [4.0548, 4.0685, 4.1535]],
    ["H100 SXM", { accelerators: 4, tensorParallel: 4, accumulation: 8 }, [8.1527]],
    ["H100 SXM", { accelerators: 8, tensorParallel: 4, accumulation: 4, overlaps: true }, [3.8456, 3.9205, 3.8156]],
    ["H100 SXM", { accelerators: 1024, tensorParallel: 4, contextParallel: 2, overlaps: true }, [0.66427]],
    ["H100 SXM", { accelerators: 64, tensorParallel: 4, contextParallel: 2, overlaps: true }, [0.63703, 0.65592]],
    ["H100 SXM", { accelerators: 16, tensorParallel: 4, accumulation: 2, overlaps: true }, [1.9472]],
    ["H200 SXM", { accelerators: 8, tensorParallel: 2, accumulation: 2, overlaps: true }, [3.2327]],
    ["L40S", { accelerators: 64, tensorParallel: 4, contextParallel: 2 }, [2.9424]],
  ],
  "nemo1-v4.1": [
    [
      "B200 SXM",
      { accelerators: 8, contextParallel: 2, contextExchange: "all-to-all", accumulation: 2, hasGraphs: true },
      [1.7034],
    ],
    [
      "H100 SXM",
      { accelerators: 16, tensorParallel: 4, contextParallel: 2, accumulation: 4, hasGraphs: true },
      [2.1851],
    ],
    [
      "H100 SXM",
      { accelerators: 64, tensorParallel: 4, contextParallel: 2, hasGraphs: true, overlaps: true },
      [0.55228, 0.55555, 0.5433],
    ],
    ["H100 SXM", { accelerators: 4, tensorParallel: 4, accumulation: 8 }, [7.8482, 7.8341]],
    ["H100 SXM", { accelerators: 8, tensorParallel: 4, accumulation: 4, overlaps: true }, [3.6877, 3.7042, 3.6741]],
    [
      "H100 SXM",
      { accelerators: 128, tensorParallel: 4, contextParallel: 2, hasGraphs: true, overlaps: true },
      [0.55583],
    ],
    ["H200 SXM", { accelerators: 8, tensorParallel: 2, accumulation: 2, overlaps: true }, [3.4268]],
    [
      "H200 SXM",
      { accelerators: 8, contextParallel: 2, accumulation: 2 },
      [3.1424, 3.0922, 3.1288, 3.1498, 3.1835, 3.0957, 3.1841],
    ],
    ["H200 SXM", { accelerators: 16, tensorParallel: 2, overlaps: true }, [1.7485]],
    ["H200 SXM", { accelerators: 16, tensorParallel: 2, isDoubtful: true, variant: 1 }, [1.7371]],
    ["H200 SXM", { accelerators: 32, tensorParallel: 4, accumulation: 2, overlaps: true }, [1.8107]],
    ["H200 SXM", { accelerators: 512, tensorParallel: 4, contextParallel: 2, overlaps: true }, [0.79402]],
    ["H200 SXM", { accelerators: 16, tensorParallel: 2, variant: 2 }, [1.713]],
    ["H200 SXM", { accelerators: 16, tensorParallel: 2, overlaps: true, variant: 3 }, [1.6677]],
    ["H200 SXM", { accelerators: 64, tensorParallel: 4, overlaps: true }, [0.88325]],
  ],
  "nemo2-v5.0": [
    ["B200 SXM", { accelerators: 8 }, [1.5149, 1.5215, 1.5127, 1.5386, 1.5151, 1.5111]],
    ["B200 SXM", { accelerators: 64, contextParallel: 8, contextExchange: "all-to-all", hasGraphs: true }, [0.25596]],
    ["GB200", { accelerators: 16, contextParallel: 2, contextExchange: "all-to-all", hasGraphs: true }, [0.83244]],
    ["GB200", { accelerators: 32, contextParallel: 4, contextExchange: "all-to-all", hasGraphs: true }, [0.41572]],
    ["GB200", { accelerators: 512, contextParallel: 8, contextExchange: "all-to-all", hasGraphs: true }, [0.25788]],
    [
      "GB200",
      { accelerators: 72, contextParallel: 8, contextExchange: "all-to-all", hasGraphs: true },
      [0.23861, 0.22971],
    ],
    ["GB200", { accelerators: 8 }, [1.4866]],
  ],
  "nemo2-v5.1": [
    [
      "B200 SXM",
      {
        accelerators: 8,
        contextParallel: 2,
        contextExchange: "all-to-all",
        accumulation: 2,
        precision: "float4",
        hasGraphs: true,
      },
      [1.1112],
    ],
    [
      "B200 SXM",
      {
        accelerators: 8,
        contextParallel: 2,
        contextExchange: "all-to-all",
        accumulation: 2,
        hasGraphs: true,
        isDoubtful: true,
      },
      [1.4533],
    ],
    ["B200 SXM", { accelerators: 8 }, [1.2958, 1.3022, 1.3142, 1.3032, 1.3189]],
    ["B200 SXM", { accelerators: 16 }, [1.394]],
    ["B200 SXM", { accelerators: 8, precision: "float4" }, [1.0454]],
    ["B200 SXM", { accelerators: 8, isDoubtful: true, variant: 1 }, [1.3778]],
    ["B200 SXM", { accelerators: 64, contextParallel: 8, contextExchange: "all-to-all", hasGraphs: true }, [0.21543]],
    ["GB200", { accelerators: 512, contextParallel: 8, contextExchange: "all-to-all", hasGraphs: true }, [0.21047]],
    ["GB200", { accelerators: 72, contextParallel: 8, contextExchange: "all-to-all", hasGraphs: true }, [0.19957]],
    [
      "GB200",
      {
        accelerators: 8,
        contextParallel: 2,
        contextExchange: "all-to-all",
        accumulation: 2,
        precision: "float4",
        hasGraphs: true,
      },
      [1.039],
    ],
    [
      "GB300",
      { accelerators: 72, contextParallel: 8, contextExchange: "all-to-all", hasGraphs: true },
      [0.18058, 0.17893],
    ],
    ["H200 SXM", { accelerators: 8, tensorParallel: 2, accumulation: 2 }, [3.1467]],
  ],
  "nemo1-rocm-v5.0": [
    ["MI300X", { accelerators: 8, recomputedLayers: 21 }, [3.9459, 3.9996]],
    ["MI300X", { accelerators: 8, recomputedLayers: 21, variant: 1 }, [3.9534]],
    ["MI300X", { accelerators: 16, contextParallel: 2, recomputedLayers: 21 }, [2.111]],
    ["MI325X", { accelerators: 8 }, [2.9291, 2.9832]],
  ],
  "nemo1-rocm-v5.1": [
    ["MI300X", { accelerators: 8, recomputedLayers: 21 }, [3.7787]],
    ["MI300X", { accelerators: 8, recomputedLayers: 21, variant: 1 }, [3.8606]],
    ["MI325X", { accelerators: 8 }, [2.8215, 2.8186, 2.8934]],
    ["MI325X", { accelerators: 8, variant: 1 }, [2.8645]],
    ["MI350X", { accelerators: 8 }, [1.636]],
  ],
  deepspeed: [
    ["A100 SXM 80", { accelerators: 64, precision: "bfloat16", recomputedLayers: 80, isSharded: true }, [21.171]],
    ["Gaudi 2", { accelerators: 8, recomputedLayers: 80, isSharded: true }, [10.2]],
    ["H100 SXM", { accelerators: 8, precision: "bfloat16", recomputedLayers: 80, isSharded: true }, [12.57]],
  ],
};

/** Software that stands for itself: three sites with one factor, which explains little of how they differ. */
export const OWN_SOFTWARE = "deepspeed";

/** Adapters of rank 16 on fused queries, keys and values, and on attention's output, in all layers. */
const TRAINED_PARAMETERS = 44_564_480;
const TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj"] as const;
const ROW_TOKENS = 8192;

/** What is not fitted: one generation of each that has others to compare with, and the newest release of each family. */
export const STEP_SETTING: StepFitSetting = {
  referenceGenerations: ["Hopper", "Ampere", "Gaudi 2"],
  knownReleases: {
    "nemo1-v4.1": 1,
    "nemo2-v5.1": 1,
    "nemo1-rocm-v5.1": 1,
    "nemo1-v4.1 on Blackwell": 1.16,
  },
};

let known: readonly TrainingStep[] | undefined;

/** The published steps that times are fitted to and corrected by, a row for each site. */
export function publishedSteps(): readonly TrainingStep[] {
  known ??= readRows();
  return known;
}

function readRows(): readonly TrainingStep[] {
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-70b"]));
  return Object.entries(ROWS).flatMap(([release, rows]) =>
    rows.flatMap(([accelerator, { isDoubtful = false, variant = 0, overlaps = false, ...facts }, seconds]) => {
      const group = [release, accelerator, variant, ...Object.entries(facts).flat()].join(" ");
      const isOwnSoftware = release === OWN_SOFTWARE;
      const system: TrainingSystem = {
        ...{ accelerator: acceleratorOf(accelerator, CATALOG), architecture, trainedParameters: TRAINED_PARAMETERS },
        targets: TARGETS,
        ...{ tensorParallel: 1, contextParallel: 1, contextExchange: "ring", pipelineParallel: 1 },
        ...{ tokens: ROW_TOKENS, accumulation: 1, precision: "float8", recomputedLayers: 0 },
        ...{ isSharded: false, hasGraphs: false, overlaps },
        scaleUp: CATALOG.devices[accelerator]!.scaleUpDevices?.value ?? 1,
        ...facts,
      };
      return seconds.map((each, site) => ({
        name: `${group}${overlaps ? " overlaps" : ""}, site ${site + 1}`,
        ...{ system, release, group, seconds: each, isDoubtful: isDoubtful || isOwnSoftware, isOwnSoftware },
      }));
    }),
  );
}
