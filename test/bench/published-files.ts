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

/** Tables of kernels of one GPU, a file each. */
function kernelTables(): Readonly<Record<string, string>> {
  const sizes = [256, 1024, 4096];
  const products = sizes.flatMap((n) => sizes.flatMap((k) => [512, 4096].map((m) => [m, n, k])));
  const seconds = ([m, n, k]: readonly number[]): number => 5e-6 + (2 * m! * n! * k!) / 600e12;
  const gemm = products.map((shape) => `H100 SXM,A,${shape.join()},${1e3 * seconds(shape)}`);
  const attention = [8, 16, 32].flatMap((heads) =>
    [512, 2048].map(
      (tokens) => `H100 SXM,A,128,${heads},8,0,2,${tokens},k,${0.02 + (4 * heads * 128 * tokens ** 2) / 5e11}`,
    ),
  );
  const collectives = [2, 8].flatMap((gpus) =>
    [1024, 2 ** 20, 2 ** 26].map((bytes) => `H100 SXM,NCCL,all_reduce,${gpus},${bytes},${0.01 + (2 * bytes) / 3e8}`),
  );
  return {
    "gemm.csv": ["gpu,framework,m,n,k,ms", ...gemm].join("\n"),
    "attention.csv": ["gpu,framework,head_dim,heads,kv_heads,window,batch,tokens,kernel,ms", ...attention].join("\n"),
    "nccl.csv": ["gpu,framework,collective,gpus,bytes,ms", ...collectives].join("\n"),
  };
}

/** A folder with a small file of each form that `external` knows, and one that it does not. */
export function publishedFiles(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-published-"));
  writeFileSync(path.join(folder, "layers.json"), JSON.stringify(layerTimes()));
  writeFileSync(path.join(folder, "pipeline.json"), JSON.stringify(profiledPipeline()));
  writeFileSync(path.join(folder, "a100-rows.csv"), iterations());
  for (const [name, text] of Object.entries(kernelTables())) writeFileSync(path.join(folder, name), `${text}\n`);
  writeFileSync(path.join(folder, "notes.txt"), "nothing that a model exists for\n");
  return folder;
}
