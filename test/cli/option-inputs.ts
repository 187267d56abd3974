import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CLUSTER, WORKLOAD } from "./bad-input/bad-input.ts";

const GPUS = CLUSTER.replaceAll("type: cpu, threads: 1", "type: H100 SXM")
  .replaceAll("cpu:", "g")
  .replace("name: local", "name: box")
  .replace("type: host", "type: pcie4x16");

const LARGE = `kind: workload
version: 1
model: { architecture: tinyllama-1.1b, dtype: bfloat16 }
defaults: { batchSize: 4, microBatchSize: 2, steps: 2, data: { lengths: 64 } }
jobs: [{ name: first }]
`;

const GOLDENS = `kind: goldens
version: 1
goldens:
  - { name: one, guards: nothing, workload: ../g.yaml, devices: unit*2 }
  - { name: two, guards: nothing, workload: ../g.yaml, devices: unit*2, options: { policy: fifo, pipelines: 1 } }
`;

const FORECAST = `kind: forecast
version: 1
days: 1
level: { hours: 9 }
kinds: [{ name: any, model: tinyllama-1.1b, perDay: 3, samples: 50, batchSize: 5, tokens: { mean: 50, max: 99 } }]
`;

/** Documents that command lines of every use name. */
export function writeOptionInputs(root: string): void {
  const files = {
    "w.yaml": WORKLOAD.replaceAll("../", ""),
    "search.yaml": WORKLOAD.replaceAll("../", "").replace(
      /^jobs:[\s\S]*/m,
      `  evaluation: { share: 0.5, everySteps: 1 }
jobs:
  - name: rate
    data: { path: rows.jsonl }
    sweep: { grid: { adapter: { rank: [2, 4] } }, halving: { firstRows: 4 } }
`,
    ),
    "g.yaml": LARGE,
    "goldens/goldens.yaml": GOLDENS,
    "gpus.yaml": GPUS,
    "job.yaml": "{ name: third, data: { path: rows.jsonl } }\n",
    "f.yaml": FORECAST,
    "axolotl.yaml":
      "{ base_model: model, adapter: lora, learning_rate: 1e-4, warmup_steps: 0, datasets: [{ path: rows.jsonl, type: chat_template }] }\n",
    "kernels.csv": "gpu,m,n,k,ms\nA6000,512,4096,4096,0.2\n",
    "c.yaml":
      "{ kind: candidates, version: 1, generate: { accelerators: [L40S], counts: [2], slots: [1], precisions: [float8], tenures: [reserved] } }\n",
    "k.yaml":
      "{ kind: prices, version: 1, date: 2026-11-20, currency: USD, perKilowattHour: 0, accelerators: { L40S: { reservedPerHour: 1 }, H100 SXM: { onDemandPerHour: 3 } } }\n",
  };
  mkdirSync(path.join(root, "goldens"));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(root, name), text);
}
