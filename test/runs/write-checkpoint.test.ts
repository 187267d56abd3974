import { expect, it } from "vitest";
import { architectureFromConfig, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import { checkpointNames, writeCheckpoint } from "../../runs/checkpoints/write-checkpoint.ts";
import { temporaryFolder } from "../cli/run-cli.ts";

const run = temporaryFolder();

it("keeps as many of the newest checkpoints as are asked for, the one that is written among them", () => {
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["tinyllama-1.1b"]));
  const digest = `sha256:${"0".repeat(64)}`;
  const written = (numStepsBefore: number, keep: number): readonly string[] => {
    writeCheckpoint({
      run,
      planHash: digest,
      model: { digest, architecture },
      jobs: [],
      over: [],
      numStepsBefore,
      keep,
    });
    return checkpointNames(run);
  };
  expect(written(10, 2)).toEqual(["step-00000010"]);
  expect(written(20, 2)).toEqual(["step-00000010", "step-00000020"]);
  expect(written(30, 2)).toEqual(["step-00000020", "step-00000030"]);
  // The same steps again take the place of what has their name.
  expect(written(30, 2)).toEqual(["step-00000020", "step-00000030"]);
  expect(written(40, 1)).toEqual(["step-00000040"]);
});
