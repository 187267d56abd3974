import { existsSync, readFileSync } from "node:fs";
import { DeviceError } from "../core/index.ts";
import type { Plan } from "../plan/index.ts";
import { type LossRecord, renderReport } from "../reports/index.ts";
import type { AtMachineSpeed, Trace } from "../traces/index.ts";
import { packageFile, today, writeOutput } from "../workbench/index.ts";
import type { Io } from "./io.ts";

/** A file of the browser code. @throws DeviceError before a build. */
export function reportAsset(name: string): string {
  const file = packageFile("dist", "reports", name);
  if (!existsSync(file))
    throw new DeviceError({
      expected: "the report's browser code",
      file,
      got: "no such file",
      hint: "Build it with `npm run build`.",
    });
  return readFileSync(file, "utf8");
}

export interface ReportFacts {
  readonly title: string;
  readonly plan: Plan | undefined;
  readonly traces: readonly Trace[];
  readonly losses: readonly LossRecord[] | undefined;
  readonly machine?: AtMachineSpeed | undefined;
}

export function writeReport(io: Io, file: string, { title, plan, traces, losses, machine }: ReportFacts): void {
  const page = renderReport({
    title,
    date: today(),
    traces,
    ...(plan === undefined ? {} : { plan }),
    ...(machine === undefined ? {} : { machine }),
    ...(losses === undefined || losses.length === 0 ? {} : { losses }),
    assets: { script: reportAsset("client.js"), style: reportAsset("client.css") },
  });
  writeOutput(io, file, page);
}
