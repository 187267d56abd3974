import { buildGpuProgram } from "../gpu-programs.ts";
import { collectJudgements } from "../judgements.ts";
import { builtProgram } from "../places.ts";
import { Failed, Missing, type Stage } from "../stage.ts";
import { OPERATOR_GROUPS } from "./operators.ts";

/** Of compute-sanitizer when it found something; the table itself ends in 0, 1 or 3. */
const FOUND = 9;

export const sanitizer: Stage = {
  describe: "compute-sanitizer on the kernels' cases: memcheck, then racecheck",
  limitSeconds: 520,
  ownCall: true,
  async run(context) {
    const { sanitizer: program } = context.machine;
    if (program === undefined) throw new Missing("Expected compute-sanitizer, found none.");
    // The machine may be another one than that of the build stage.
    if (!(await buildGpuProgram(context, "gpu_table"))) throw new Failed("The table does not build; the log says why.");
    const table = builtProgram("gpu_table");
    const bad: string[] = [];
    for (const tool of ["memcheck", "racecheck"]) {
      for (const group of OPERATOR_GROUPS) {
        const judgements = collectJudgements();
        const args = ["--tool", tool, "--error-exitcode", String(FOUND), table, group, "--exact"];
        const status = await context.run(program, args, { onResult: judgements.add });
        context.record({ tool, group, status, clean: status === 0, wrong: judgements.wrong() });
        if (status !== 0) bad.push(`${tool} ${group} (exit status ${status})`);
      }
    }
    if (bad.length > 0) throw new Failed(`Not clean: ${bad.join(", ")}`);
  },
};
