import { packageFile } from "../../files/index.ts";
import { oneDnnArguments } from "../carried-onednn.ts";
import { buildGpuProgram, recordBuild, requireNvcc } from "../gpu-programs.ts";
import { Failed, type Stage, type StageContext } from "../stage.ts";

/** What native/build.mjs takes from the environment. */
function buildEnvironment({ machine, mode }: StageContext): NodeJS.ProcessEnv {
  const given = (process.env["LORATWIN_CMAKE_ARGS"] ?? "").split(" ");
  const cuda = mode === "gpu" ? [`-DLORATWIN_CUDA_ARCHITECTURES=${machine.gpu?.architecture}`] : [];
  const words = [...given, ...oneDnnArguments(), ...cuda].filter((word) => word !== "");
  return { LORATWIN_CMAKE_ARGS: words.join(" "), ...(mode === "gpu" ? { LORATWIN_CUDA: "1" } : {}) };
}

/** One after the other, since both configure the same folder; a fault in one leaves the other. */
async function bothPrograms(context: StageContext): Promise<boolean> {
  const table = await buildGpuProgram(context, "gpu_table");
  const timing = await buildGpuProgram(context, "gpu_bench");
  return table && timing;
}

export const build: Stage = {
  describe: "the programs and the addon, for this card's architecture",
  limitSeconds: 300,
  emulatedLimitSeconds: 900,
  async run(context) {
    const addon = (target: string): readonly string[] => [process.execPath, packageFile("native", "build.mjs"), target];
    if (context.mode === "gpu") requireNvcc(context);
    const env = buildEnvironment(context);
    const done =
      context.mode === "emulated"
        ? [
            await recordBuild(context, "operator table on the emulation", [addon("cuda_table")], env),
            await recordBuild(context, "addon on the emulation", [addon("loratwin_emulated")], env),
          ]
        : await Promise.all([bothPrograms(context), recordBuild(context, "addon with CUDA", [addon("loratwin")], env)]);
    if (done.includes(false)) throw new Failed("A build failed; the log has the compiler's message.");
  },
};
