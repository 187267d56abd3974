import { existsSync, readFileSync } from "node:fs";
import { DeviceError } from "../core/index.ts";
import { packageFile, writeOutput } from "../files/index.ts";
import type { Plan } from "../plan/index.ts";
import {
  type EvaluationRecord,
  type LossRecord,
  type ReportAssets,
  renderReport,
  type SampleRecord,
} from "../reports/index.ts";
import { type AtMachineSpeed, planWay, type Trace } from "../traces/index.ts";
import { today } from "../workbench/index.ts";
import type { Io } from "./io.ts";

/** A file of the browser code of a page, of reports, of the server or of the explorer. @throws DeviceError before a build. */
export function browserAsset(folder: "reports" | "server" | "explorer", name: string): string {
  const file = packageFile("dist", folder, name);
  if (!existsSync(file))
    throw new DeviceError({
      expected: "the browser code of a page",
      file,
      got: "no such file",
      hint: "Build it with `npm run build`.",
    });
  return readFileSync(file, "utf8");
}

/** Script and style sheet of a page of reports, by its bundle's name. @throws DeviceError before a build. */
export function pageAssets(page: "client" | "fleet" | "paper" | "capacity" | "data"): ReportAssets {
  return { script: browserAsset("reports", `${page}.js`), style: browserAsset("reports", `${page}.css`) };
}

export interface ReportFacts {
  readonly title: string;
  readonly plan: Plan | undefined;
  readonly traces: readonly Trace[];
  readonly losses: readonly LossRecord[] | undefined;
  readonly evaluations?: readonly EvaluationRecord[] | undefined;
  readonly samples?: readonly SampleRecord[] | undefined;
  readonly machine?: AtMachineSpeed | undefined;
}

export function writeReport(
  io: Io,
  file: string,
  { title, plan, traces, losses, evaluations, samples, machine }: ReportFacts,
): void {
  const page = renderReport({
    title,
    date: today(),
    traces,
    ways: plan === undefined ? [] : traces.map((trace) => planWay({ plan, trace })),
    ...(plan === undefined ? {} : { plan }),
    ...(machine === undefined ? {} : { machine }),
    ...(evaluations === undefined ? {} : { evaluations }),
    ...(samples === undefined ? {} : { samples }),
    ...(losses === undefined || losses.length === 0 ? {} : { losses }),
    assets: pageAssets("client"),
  });
  writeOutput(io, file, page);
}
