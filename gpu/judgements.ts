import type { Result } from "./summary.ts";

/** What became of a kernel over all its cases. */
interface KernelVerdict {
  judged: number;
  wrong: number;
  /** Largest error / tolerance; 0 where the tolerance is 0 and nothing is wrong. */
  worst: number;
}

/** Collects the lines of cuda_table and gpu_table. */
export interface Judgements {
  /** A line of either table; others are ignored. */
  add(line: Result): void;
  /** A line for each kernel, and one for each of the first judgements that are not ok. */
  results(): readonly Result[];
  readonly wrong: () => number;
}

const SHOWN = 20;

export function collectJudgements(): Judgements {
  const kernels = new Map<string, KernelVerdict>();
  const wrong: Result[] = [];
  return {
    add(line) {
      if (typeof line["op"] !== "string") return;
      const verdict = kernels.get(line["op"]) ?? { judged: 0, wrong: 0, worst: 0 };
      kernels.set(line["op"], verdict);
      verdict.judged += 1;
      if (line["ok"] !== true) {
        verdict.wrong += 1;
        wrong.push(line);
      }
      const { error, tolerance } = line as { error: number | null; tolerance: number };
      if (error !== null && tolerance > 0) verdict.worst = Math.max(verdict.worst, error / tolerance);
    },
    results: () => [
      ...[...kernels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kernel, verdict]) => ({ kernel, ...verdict })),
      ...wrong.slice(0, SHOWN),
    ],
    wrong: () => wrong.length,
  };
}
