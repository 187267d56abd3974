import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { packageFile } from "../../workbench/package-file.ts";
import { PROGRAMS } from "../places.ts";
import { Failed, Missing, type Stage, type StageContext } from "../stage.ts";

async function step(context: StageContext, what: string, commands: readonly (readonly string[])[]): Promise<boolean> {
  const start = performance.now();
  let status = 0;
  for (const [program, ...args] of commands) {
    status = await context.run(program!, args, { env: buildEnvironment(context) });
    if (status !== 0) break;
  }
  context.record({ built: what, ok: status === 0, seconds: Math.round((performance.now() - start) / 100) / 10 });
  return status === 0;
}

/** The bundle carries oneDNN for machines that have none; the system's own comes first. */
function oneDnnArguments(): readonly string[] {
  const folder = packageFile("onednn");
  const system = ["/usr/include/oneapi/dnnl/dnnl.hpp", "/usr/local/include/oneapi/dnnl/dnnl.hpp"];
  if (!existsSync(folder) || system.some((file) => existsSync(file))) return [];
  return [`-DLORATWIN_DNNL_INCLUDE=${folder}/include`, `-DLORATWIN_DNNL_LIBRARY=${folder}/lib/libdnnl.so`];
}

function buildEnvironment({ machine, mode }: StageContext): NodeJS.ProcessEnv {
  const given = (process.env["LORATWIN_CMAKE_ARGS"] ?? "").split(" ");
  const cuda = mode === "gpu" ? [`-DLORATWIN_CUDA_ARCHITECTURES=${machine.gpu?.architecture}`] : [];
  const words = [...given, ...oneDnnArguments(), ...cuda].filter((word) => word !== "");
  return { LORATWIN_CMAKE_ARGS: words.join(" "), ...(mode === "gpu" ? { LORATWIN_CUDA: "1" } : {}) };
}

export const build: Stage = {
  describe: "the programs and the addon, for this card's architecture",
  limitSeconds: 300,
  emulatedLimitSeconds: 300,
  async run(context) {
    const { machine, mode } = context;
    const addon = [process.execPath, packageFile("native", "build.mjs")];
    if (mode === "emulated") {
      // One after the other: both configure the same folder.
      const done = [
        await step(context, "operator table on the emulation", [[...addon, "cuda_table"]]),
        await step(context, "addon on the emulation", [[...addon, "loratwin_emulated"]]),
      ];
      if (done.includes(false)) throw new Failed("A build failed; the log has the compiler's message.");
      return;
    }
    if (machine.nvcc === undefined) throw new Missing("Expected nvcc on the PATH or in /usr/local/cuda, found none.");
    const source = packageFile("gpu", "programs");
    const configure = [
      "cmake",
      "-S",
      source,
      "-B",
      PROGRAMS,
      `-DCMAKE_CUDA_ARCHITECTURES=${machine.gpu?.architecture}`,
    ];
    const make = ["cmake", "--build", PROGRAMS, "-j", String(availableParallelism()), "--target"];
    // One after the other, so that a fault in one leaves the other; the addon beside them.
    const programs = async (): Promise<readonly boolean[]> => [
      await step(context, "operator table for the GPU", [configure, [...make, "gpu_table"]]),
      await step(context, "timing programs", [configure, [...make, "gpu_bench"]]),
    ];
    const [built, withCuda] = await Promise.all([
      programs(),
      step(context, "addon with CUDA", [[...addon, "loratwin"]]),
    ]);
    const done = [...built, withCuda];
    if (done.includes(false)) throw new Failed("A build failed; the log has the compiler's message.");
  },
};
