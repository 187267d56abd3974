import { spawnSync } from "node:child_process";
import { packageFile } from "../files/index.ts";
import type { Dtype } from "../plan/index.ts";
import { type StepProcess, startSteps } from "./step-process.ts";
import { baselinePython, type TorchWork, torchEnvironment, workOptions } from "./torch.ts";
import { configOf } from "./workload.ts";

/** How people fine-tune with PEFT: in a loop of their own, or by transformers' Trainer. */
export const PEFT_WAYS = { plain: "PEFT", trainer: "Trainer" } as const;
export type PeftWay = keyof typeof PEFT_WAYS;

const SCRIPT = packageFile("bench", "baseline", "peft_steps.py");

let checked: { readonly python: string; readonly version: string | undefined } | undefined;

/** The versions of transformers and PEFT; undefined where they are not there. */
function peftVersion(): string | undefined {
  const python = baselinePython();
  if (checked?.python !== python) {
    const { status, stdout } = spawnSync(python, [SCRIPT, "--check"], { encoding: "utf8" });
    checked = { python, version: status === 0 ? stdout.trim() : undefined };
  }
  return checked.version;
}

/** For the conditions of results. */
export function peftVersions(): Readonly<Record<string, string>> {
  return { peft: peftVersion() ?? "none" };
}

/** Whether there is a PEFT to compare with; tells why there is not. */
export function hasPeft(note: (text: string) => void): boolean {
  const isThere = peftVersion() !== undefined;
  if (!isThere) note(`No PEFT in ${baselinePython()} (npm run peers installs it): no rows of it and of the Trainer.`);
  return isThere;
}

/** Starts a process that trains with PEFT. @throws DeviceError when it ends early */
export async function startPeft(work: TorchWork, way: PeftWay, dtype: Dtype, threads: number): Promise<StepProcess> {
  const family = work.model.family === undefined ? [] : ["--config", JSON.stringify(configOf(work.model))];
  const words = [SCRIPT, ...workOptions(work), ...family, "--dtype", dtype, "--way", way, "--threads", `${threads}`];
  return await startSteps(PEFT_WAYS[way], baselinePython(), words, torchEnvironment(threads, threads));
}
