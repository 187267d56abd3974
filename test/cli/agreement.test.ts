import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { printed, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

const WORKS = [
  { model: "Llama 3.2 1B", tokens: 2048, batchSize: 8 },
  { model: "Llama 3.1 8B", tokens: 512, batchSize: 16 },
] as const;
const GPUS = ["RTX 4090", "L40S", "A100 SXM 80", "H100 SXM", "B200 SXM", "MI300X"] as const;

interface Estimated {
  readonly seconds: { readonly predicted: number; readonly interval: readonly [number, number] };
}
interface Layouts {
  readonly rows: readonly { readonly seconds: number; readonly interval: readonly [number, number] }[];
}

/** `plan` and `simulate` say what `estimate` does, and `capacity` what `layouts` does: other tests compare those. */
describe("estimate and layouts", { tags: ["slow"] }, () => {
  it.each(WORKS.flatMap((work) => GPUS.map((gpu) => [work.model, work.tokens, gpu, work] as const)))(
    "agree on %s in rows of %i on one %s",
    async (model, tokens, gpu, { batchSize }) => {
      const name = `${model} ${gpu}`.replaceAll(" ", "-");
      const lengths = `{ distribution: lognormal, mean: ${tokens}, sigma: 0.001, max: ${tokens} }`;
      const workload = `kind: workload
version: 1
model: { architecture: ${model}, dtype: bfloat16 }
defaults: { batchSize: ${batchSize}, adapter: { rank: 16, alpha: 32 }, data: { lengths: ${lengths}, samples: 100 } }
jobs: [{ name: one, steps: 20 }]
`;
      writeFileSync(path.join(root, `${name}.yaml`), workload);
      const cluster = `{ kind: cluster, version: 1, machines: [{ name: m, devices: [{ name: a, type: ${gpu} }] }] }\n`;
      writeFileSync(path.join(root, `${name}-gpu.yaml`), cluster);
      const ours = ["estimate", `${name}.yaml`, "--cluster", `${name}-gpu.yaml`, "--json"];
      const { predicted, interval } = (JSON.parse(await printed(ours, root)) as Estimated).seconds;
      const makers = ["layouts", `${name}.yaml`, "--accelerator", gpu, "--count", "1", "--json"];
      const [fastest] = (JSON.parse(await printed(makers, root)) as Layouts).rows;
      expect(predicted / fastest!.seconds).toBeGreaterThan(0.85);
      expect(predicted / fastest!.seconds).toBeLessThan(1.15);
      // Each lies in the other's interval.
      expect(fastest!.seconds).toBeGreaterThan(interval[0]);
      expect(fastest!.seconds).toBeLessThan(interval[1]);
      expect(predicted).toBeGreaterThan(fastest!.interval[0]);
      expect(predicted).toBeLessThan(fastest!.interval[1]);
    },
  );
});
