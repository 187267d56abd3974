import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(folder, ...names);

const WORKLOAD = `kind: workload
version: 1
model: { path: model }
jobs:
  - name: one
    batchSize: 4
    microBatchSize: 2
    steps: 4
    data: { path: rows.jsonl, format: tokens }
`;

const cluster = (link: string): string => `kind: cluster
version: 1
machines:
  - name: local
    devices: [{ name: "cpu:0", type: cpu }, { name: "cpu:1", type: cpu }]
    link: { ${link} }
`;

async function command(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(argv, folder);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

function rows(): string {
  const one = (row: number) => ({ input_ids: Array.from({ length: 12 + (row % 5) }, (_, i) => (i * 5 + row) % 90) });
  return Array.from({ length: 16 }, (_, row) => `${JSON.stringify(one(row))}\n`).join("");
}

it("trains with the messages that a cluster file says: half the bytes, and nearly the same losses", {
  tags: ["slow"],
  timeout: 300_000,
}, async () => {
  writeFileSync(at("workload.yaml"), WORKLOAD);
  writeFileSync(at("rows.jsonl"), rows());
  writeFileSync(at("wide.yaml"), cluster(""));
  writeFileSync(at("rounded.yaml"), cluster("transferDtype: bfloat16"));
  await command("init-model", "model", "--hidden-size", "32", "--layers", "2", "--heads", "2", "--kv-heads", "2");
  const train = async (name: string) => {
    await command("plan", "workload.yaml", "--cluster", `${name}.yaml`, "--pipelines", "1", "-o", `${name}.json`);
    const trained = JSON.parse(await command("train", `${name}.json`, "-o", name, "--json"));
    const { traceEvents } = JSON.parse(readFileSync(at(name, "trace.json"), "utf8"));
    const bytes = traceEvents.flatMap(({ ph, args }: { ph: string; args?: { bytes?: number } }) =>
      ph === "X" ? (args?.bytes ?? []) : [],
    );
    const { setting } = JSON.parse(readFileSync(at(name, "plan.json"), "utf8"));
    return {
      losses: trained.jobs[0].losses as readonly number[],
      bytes: bytes as readonly number[],
      links: setting.links,
    };
  };
  const [wide, rounded] = [await train("wide"), await train("rounded")];
  expect(rounded.links).toMatchObject([{ transferDtype: "bfloat16" }]);
  expect(wide.links[0]).not.toHaveProperty("transferDtype");
  const total = (all: readonly number[]): number => all.reduce((sum, each) => sum + each, 0);
  expect(total(wide.bytes)).toBeGreaterThan(0);
  expect(total(rounded.bytes)).toBe(total(wide.bytes) / 2);
  expect(rounded.losses).not.toEqual(wide.losses);
  expect(rounded.losses).toHaveLength(4);
  rounded.losses.forEach((loss, step) => {
    expect(Math.abs(loss / wide.losses[step]! - 1)).toBeLessThan(1e-4);
  });
  // The twin has the messages of the run.
  await command("simulate", "rounded.json", "-o", "simulated.json", "--no-intervals");
  await command("compare", "simulated.json", "rounded");
});
