import { cpus } from "node:os";
import type { Stage, StageContext } from "../stage.ts";

const TORCH = `
import json, torch
print(json.dumps({"program": "PyTorch", "version": torch.__version__, "cuda": torch.version.cuda, "seesGpu": torch.cuda.is_available()}))
`;

/** Records the line of `PROGRAM --version` that names it, or that there is no such program. */
async function recordVersion(context: StageContext, name: string, program: string | undefined): Promise<void> {
  const shell = `"$0" --version | grep -E 'release|Version|version|^g\\+\\+' | head -n 1`;
  let version: string | null = null;
  if (program !== undefined) {
    await context.run("sh", ["-c", shell, program], {
      onLine: (line) => {
        version ??= line.trim();
      },
    });
  }
  context.record({ program: name, version });
}

export const environment: Stage = {
  describe: "the card, its driver, and the tools",
  limitSeconds: 40,
  emulatedLimitSeconds: 40,
  async run(context) {
    const { machine } = context;
    context.record({ processor: cpus()[0]?.model ?? "unknown", cores: cpus().length, node: process.version });
    if (machine.gpu !== undefined) context.record({ gpu: machine.gpu });
    await recordVersion(context, "nvcc", machine.nvcc);
    await recordVersion(context, "compute-sanitizer", machine.sanitizer);
    await recordVersion(context, "cmake", "cmake");
    await recordVersion(context, "g++", "g++");
    const { python } = machine;
    const torch = python !== undefined && (await context.run(python, ["-c", TORCH])) === 0;
    if (!torch) context.note("No PyTorch to compare with: LORATWIN_PYTHON names a Python that has it.");
  },
};
