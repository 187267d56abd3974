import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";
import { printed, temporaryFolder } from "./run-cli.ts";

interface Measured {
  readonly operators: readonly { readonly operator: string }[];
}

const folder = temporaryFolder();

test("what computes all layers again is planned with a calibration that has measured nothing else", async () => {
  const examples = packageFile("examples", "regress");
  const measured = JSON.parse(readFileSync(path.join(examples, "measured.json"), "utf8")) as Measured;
  const operators = measured.operators.filter(({ operator }) => !operator.includes("-again"));
  expect(operators.length).toBeLessThan(measured.operators.length);
  const calibration = path.join(folder, "calibration.json");
  writeFileSync(calibration, JSON.stringify({ ...measured, operators }));
  const inputs = ["measured.yaml", "--cluster", "cpu-machine.yaml", "--calibration", calibration];
  const options = ["--pipelines", "1", "--recompute", "layer", "--no-intervals", "--no-cache", "--json", "--quiet"];
  const { stages } = JSON.parse(await printed(["plan", ...inputs, ...options], examples)) as {
    readonly stages: readonly {
      readonly firstLayer: number;
      readonly endLayer: number;
      readonly recomputedLayers: number;
    }[];
  };
  for (const { firstLayer, endLayer, recomputedLayers } of stages) expect(recomputedLayers).toBe(endLayer - firstLayer);
});
