import { collectJudgements } from "../judgements.ts";
import { builtProgram } from "../places.ts";
import { Failed, type Stage } from "../stage.ts";

/** A process each, so that a kernel's fault ends only its own group. */
export const OPERATOR_GROUPS = [
  "elementwise",
  "magnitudes",
  "tokens",
  "optimizer",
  "lora",
  "cross_entropy",
  "attention",
  "quantized",
  "plain",
  "cached",
  "preference",
  "experts",
] as const;

export const operators: Stage = {
  describe: "every kernel against its reference, twice, with the same bytes",
  limitSeconds: 60,
  emulatedLimitSeconds: 300,
  async run(context) {
    const emulated = context.mode === "emulated";
    const program = builtProgram(emulated ? "cuda_table" : "gpu_table", emulated);
    const failed: string[] = [];
    let wrong = 0;
    let device: unknown;
    for (const group of OPERATOR_GROUPS) {
      // Recorded group by group: what is interrupted keeps those before.
      const judgements = collectJudgements();
      const status = await context.run(program, [group], {
        onResult(line) {
          judgements.add(line);
          device ??= line["device"];
        },
      });
      if (status !== 0) failed.push(`${group} (exit status ${status})`);
      for (const result of judgements.results()) context.record({ group, ...result });
      wrong += judgements.wrong();
    }
    if (device !== undefined) context.note(`on ${String(device)}`);
    if (failed.length > 0) throw new Failed(`${wrong} judgements are not ok; groups: ${failed.join(", ")}`);
  },
};
