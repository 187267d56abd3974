import { availableParallelism } from "node:os";
import { packageFile } from "../files/index.ts";
import { PROGRAMS } from "./places.ts";
import { Missing, type StageContext } from "./stage.ts";

/** Runs commands one after another until one fails, and records what they built; false where one failed. */
export async function recordBuild(
  context: StageContext,
  built: string,
  commands: readonly (readonly string[])[],
  env: NodeJS.ProcessEnv = {},
): Promise<boolean> {
  const start = performance.now();
  let status = 0;
  for (const [program, ...args] of commands) {
    status = await context.run(program!, args, { env });
    if (status !== 0) break;
  }
  context.record({ built, ok: status === 0, seconds: Math.round((performance.now() - start) / 100) / 10 });
  return status === 0;
}

const PROGRAM_NAMES = { gpu_table: "operator table for the GPU", gpu_bench: "timing programs" };

/** @throws Missing */
export function requireNvcc({ machine }: StageContext): void {
  if (machine.nvcc === undefined) throw new Missing("Expected nvcc on the PATH or in /usr/local/cuda, found none.");
}

/**
 * Builds a program of gpu/programs for this card's own architecture; seconds where it is there already. False where it
 * does not build. @throws Missing without nvcc
 */
export async function buildGpuProgram(context: StageContext, name: keyof typeof PROGRAM_NAMES): Promise<boolean> {
  requireNvcc(context);
  const { gpu } = context.machine;
  const source = packageFile("gpu", "programs");
  return recordBuild(context, PROGRAM_NAMES[name], [
    ["cmake", "-S", source, "-B", PROGRAMS, `-DCMAKE_CUDA_ARCHITECTURES=${gpu?.architecture}`],
    ["cmake", "--build", PROGRAMS, "-j", String(availableParallelism()), "--target", name],
  ]);
}
