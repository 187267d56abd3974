import { cpus } from "node:os";
import { TimeOver } from "../child.ts";
import type { Stage, StageContext } from "../stage.ts";

const TORCH = `
import json, torch
print(json.dumps({"program": "PyTorch", "version": torch.__version__, "cuda": torch.version.cuda, "seesGpu": torch.cuda.is_available()}))
`;

/** Records the line of `PROGRAM --version` that names it, or that there is no such program. */
async function recordVersion(context: StageContext, name: string, program: string | undefined): Promise<void> {
  const shell = `"$0" --version | grep -E 'release|Version|version|^g\\+\\+|^[0-9.]+$' | head -n 1`;
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

async function importsTorch(context: StageContext): Promise<boolean> {
  const { python } = context.machine;
  try {
    return python !== undefined && (await context.run(python, ["-c", TORCH])) === 0;
  } catch (error) {
    if (!(error instanceof TimeOver)) throw error;
    // Slow is no fault of the machine's; whoever needs PyTorch next finds more of it in memory.
    context.note("Importing PyTorch took longer than this stage has.");
    return true;
  }
}

export const environment: Stage = {
  describe: "the card, its driver, and the tools, beside the build: a first import of PyTorch takes long",
  limitSeconds: 90,
  emulatedLimitSeconds: 90,
  beside: true,
  async run(context) {
    const { machine } = context;
    context.record({ processor: cpus()[0]?.model ?? "unknown", cores: cpus().length, node: process.version });
    if (machine.gpu !== undefined) context.record({ gpu: machine.gpu });
    await recordVersion(context, "nvcc", machine.nvcc);
    await recordVersion(context, "compute-sanitizer", machine.sanitizer);
    await recordVersion(context, "cmake", "cmake");
    await recordVersion(context, "ninja", machine.ninja);
    await recordVersion(context, "g++", "g++");
    if (!(await importsTorch(context)))
      context.note("No PyTorch to compare with: LORATWIN_PYTHON names a Python that has it.");
  },
};
