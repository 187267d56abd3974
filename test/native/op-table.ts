import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One line of native/test/op_table.cc: an operator on a case of the table, judged in one mode. */
export interface Judgement {
  readonly op: string;
  readonly mode: string;
  readonly case: string;
  readonly error: number | null;
  readonly tolerance: number;
  readonly ok: boolean;
}

interface OpTableRun {
  readonly judgements: readonly Judgement[];
  readonly status: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** A build of the operator table, run to its end. @throws where it is not there */
export function runOpTable(target: string, args: readonly string[] = []): OpTableRun {
  const executable = fileURLToPath(new URL(`../../native/build/${target}`, import.meta.url));
  const run = spawnSync(executable, args, { encoding: "utf8", maxBuffer: 64 * 2 ** 20 });
  if (run.error !== undefined)
    throw new Error(`Expected the operator table at ${executable}; build it with: npm run build`, { cause: run.error });
  const { stdout, status, signal, stderr } = run;
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { judgements: lines.map((line) => JSON.parse(line)), status, signal, stderr };
}
