import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const CONFIG = {
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 4,
  num_attention_heads: 16,
  vocab_size: 1000,
};

function byTokens(secondsPerToken: number): Readonly<Record<string, number>> {
  return Object.fromEntries([512, 1024, 2048, 4096].map((tokens) => [tokens, 1e-4 + secondsPerToken * tokens]));
}

function layerTimes(): object {
  const models = [1, 2].map((factor) => ({
    name: `model ${factor}`,
    layers: 4,
    hiddenSize: 1024 * factor,
    config: { ...CONFIG, hidden_size: 1024 * factor },
    decoderLayerForwardSeconds: byTokens(1e-6 * factor),
    decoderLayerForwardBackwardSeconds: byTokens(2e-6 * factor),
  }));
  return { source: "made up, for one H100 SXM", models };
}

/** Four layers on one or two stages, of which every part is known. */
function profiledPipeline(): object {
  const layers = Array.from({ length: 4 }, () => ({
    forwardSeconds: 0.001,
    backwardSeconds: 0.002,
    updateSeconds: 0.001,
  }));
  const plans = [
    { nodes: 1, layersPerStage: [4], dataParallel: [1] },
    { nodes: 2, layersPerStage: [4], dataParallel: [2] },
    { nodes: 2, layersPerStage: [2, 2], dataParallel: [1, 1] },
    { nodes: 4, layersPerStage: [1, 1, 1, 1], dataParallel: [1, 1, 1, 1] },
  ];
  return {
    source: "made up",
    model: {
      layers: 4,
      perLayer: layers.map(() => ({ parameterBytes: 4e6, activationOutputBytes: 1e6, activationMemoryBytes: 1e7 })),
    },
    profile: [1, 2].map((microBatchSize) => ({ microBatchSize, tensorParallel: 1, layers })),
    networkInter: { machine: { 1: [[0, 0, 20], 20e9] } },
    measured: plans.map((plan, index) => ({
      name: `plan ${index}`,
      ...plan,
      tensorParallel: 1,
      microBatchSize: 1 + (index % 2),
      globalBatchSize: 8 * plan.dataParallel[0]!,
      measuredSeconds: 0.05 + 0.01 * index,
      measuredGradReduceSeconds: 0.001,
      measuredPeakBytes: 1e9 + 1e8 * index,
    })),
  };
}

const COLUMNS =
  "# GPUs,global batch,micro batch,hidden size,attention heads,# layers,sequence length,tensor parallelism,data parallelism,pipeline parallelism,iteration time (ms)";

function iterations(): string {
  const rows = [1, 2, 4].flatMap((layers) =>
    [1, 2].flatMap((microBatch) =>
      [1, 2].flatMap((tensor) =>
        [1, 2].map((stages) =>
          [
            tensor * stages,
            8,
            microBatch,
            1024,
            16,
            4 * layers,
            1024,
            tensor,
            1,
            stages,
            50 * layers + 10 * stages,
          ].join(),
        ),
      ),
    ),
  );
  return `${[COLUMNS, ...rows].join("\n")}\n`;
}

/** A folder with a small file of each form that `external` knows, and one that it does not. */
export function publishedFiles(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-published-"));
  writeFileSync(path.join(folder, "layers.json"), JSON.stringify(layerTimes()));
  writeFileSync(path.join(folder, "pipeline.json"), JSON.stringify(profiledPipeline()));
  writeFileSync(path.join(folder, "a100-rows.csv"), iterations());
  writeFileSync(path.join(folder, "notes.txt"), "nothing that a model exists for\n");
  return folder;
}
