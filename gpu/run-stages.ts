import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DeviceError, InputError, PlanError } from "../core/index.ts";
import { packageFile, VERSION } from "../files/index.ts";
import { today } from "../workbench/today.ts";
import { writeArchive } from "./archive.ts";
import { type Children, createChildren, TimeOver } from "./child.ts";
import { type Machine, programEnvironment } from "./machine.ts";
import { addonFile } from "./places.ts";
import { Failed, limitOf, Missing, type RunOptions, type Stage, type StageContext } from "./stage.ts";
import { type Mode, type Result, type StageReport, type Summary, writeSummary } from "./summary.ts";

export interface StagesInput {
  readonly mode: Mode;
  readonly machine: Machine;
  readonly stages: readonly (readonly [name: string, stage: Stage])[];
  /** Gets summary SUFFIX .json and stages SUFFIX .tar.gz, and nothing else. */
  readonly folder: string;
  readonly suffix: string;
  /** Where each stage has a folder of its own. */
  readonly work: string;
  /** For all stages together. */
  readonly allowedSeconds: number;
  /** The command line, for the summary. */
  readonly command: string;
  /** Tells a person what is going on. */
  readonly note: (text: string) => void;
}

function parsed(line: string): Result | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Result;
  } catch {
    return undefined;
  }
}

function contextOf(
  input: StagesInput,
  report: StageReport,
  children: Children,
  deadlineMs: number,
  save: () => void,
): StageContext {
  const log = path.join(input.work, report.log);
  const write = (text: string): void => appendFileSync(log, text);
  const environment = programEnvironment(input.machine);
  const context: StageContext = {
    mode: input.mode,
    machine: input.machine,
    folder: path.join(input.work, report.name),
    folderOf: (stage) => path.join(input.work, stage),
    record(result) {
      report.results.push(result);
      save();
    },
    note(text) {
      report.notes.push(text);
      input.note(`   ${text}`);
      save();
    },
    async run(program: string, args: readonly string[], options: RunOptions = {}) {
      write(`$ ${[program, ...args].join(" ")}\n`);
      const status = await children.run(program, args, {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: { ...environment, ...options.env },
        deadlineMs,
        onLine(line) {
          write(`${line}\n`);
          options.onLine?.(line);
          const result = parsed(line);
          if (result !== undefined) (options.onResult ?? context.record)(result);
        },
        onError: write,
      });
      write(`exit status ${status}\n`);
      return status;
    },
    async loratwin(args) {
      const lines: string[] = [];
      const main = packageFile("dist", "cli", "main.js");
      write(`$ loratwin ${args.join(" ")} --json\n`);
      const errors: string[] = [];
      const status = await children.run(process.execPath, [main, ...args, "--json", "--quiet"], {
        env: { ...environment, LORATWIN_ADDON: addonFile(input.mode) },
        deadlineMs,
        onLine: (line) => void lines.push(line),
        onError(text) {
          write(text);
          errors.push(text);
        },
      });
      const text = lines.join("\n");
      write(`${text}\nexit status ${status}\n`);
      if (status !== 0) throw new Failed(`loratwin ${args[0]} exits ${status}: ${errors.join("").trim().slice(-500)}`);
      return JSON.parse(text) as Result;
    },
  };
  return context;
}

/** A stage of this call. */
interface Running {
  readonly name: string;
  readonly stage: Stage;
  readonly report: StageReport;
  readonly children: Children;
  /** When it began, on performance.now()'s clock; `undefined` before. */
  startMs: number | undefined;
}

/** Puts how the stage ended into its report, and returns the note on it. */
function judge(report: StageReport, error: unknown): string {
  if (error instanceof TimeOver) {
    report.state = "timed out";
    return "";
  }
  const known = [Missing, Failed, DeviceError, InputError, PlanError].some((kind) => error instanceof kind);
  report.state = error instanceof Missing ? "missing" : "failed";
  const text = known ? (error as Error).message : String((error as Error).stack ?? error);
  report.notes.push(text);
  return text;
}

/**
 * Runs the stages one after another, but for those that run beside the next, each within its limit and what is left of
 * the whole, and keeps the summary true at every moment and the archive beside it after every stage. A stage that fails
 * stops no other.
 */
export async function runStages(input: StagesInput): Promise<Summary> {
  const start = performance.now();
  const seconds = (since: number): number => Math.round((performance.now() - since) / 10) / 100;
  mkdirSync(input.folder, { recursive: true });
  const file = (name: string): string => path.join(input.folder, `${name}${input.suffix}`);
  const summary: Summary = {
    kind: "gpu-summary",
    version: 1,
    command: input.command,
    date: today(),
    loratwin: VERSION,
    mode: input.mode,
    state: "running",
    allowedSeconds: input.allowedSeconds,
    seconds: 0,
    archive: { file: `stages${input.suffix}.tar.gz`, leftOut: [] },
    stages: input.stages.map(([name, stage]) => ({
      name,
      state: "waiting",
      limitSeconds: limitOf(stage, input.mode) ?? 0,
      seconds: 0,
      log: `${name}/log.txt`,
      notes: [],
      results: [],
    })),
  };
  const stages = input.stages.map(
    ([name, stage], index): Running => ({
      name,
      stage,
      report: summary.stages[index]!,
      children: createChildren(),
      startMs: undefined,
    }),
  );
  const save = (): void => {
    summary.seconds = seconds(start);
    writeSummary(`${file("summary")}.json`, summary);
  };
  const pack = (): void => {
    const begun = stages.filter(({ startMs }) => startMs !== undefined).map(({ name }) => name);
    summary.archive.leftOut = writeArchive(`${file("stages")}.tar.gz`, input.work, begun);
    save();
  };
  const interrupt = (signal: NodeJS.Signals): void => {
    for (const { report, children, startMs } of stages) {
      children.kill();
      if (report.state !== "running" || startMs === undefined) continue;
      report.state = "interrupted";
      report.seconds = seconds(startMs);
    }
    summary.state = "interrupted";
    pack();
    input.note(`${signal}: stopped; ${path.basename(file("summary"))}.json holds what was found.`);
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  const runStage = async (running: Running): Promise<void> => {
    const { name, stage, report, children } = running;
    const stageStart = performance.now();
    const left = input.allowedSeconds - (stageStart - start) / 1000;
    report.limitSeconds = Math.max(0, Math.round(Math.min(report.limitSeconds, left)));
    if (left < 1) {
      report.state = "no time";
      return;
    }
    running.startMs = stageStart;
    const folder = path.join(input.work, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(input.work, report.log), "");
    report.state = "running";
    input.note(`${name}: ${stage.describe}`);
    save();
    let why = "";
    try {
      await stage.run(contextOf(input, report, children, stageStart + 1000 * report.limitSeconds, save));
      report.state = "passed";
    } catch (error) {
      why = judge(report, error);
      children.kill();
    }
    report.seconds = seconds(stageStart);
    pack();
    input.note(`${name}: ${report.state} in ${report.seconds} s`);
    if (why !== "") input.note(`   ${why}`);
  };
  process.on("SIGTERM", interrupt).on("SIGINT", interrupt);
  try {
    const beside: Promise<void>[] = [];
    for (const each of stages) {
      const run = runStage(each);
      if (each.stage.beside) beside.push(run);
      else await run;
    }
    await Promise.all(beside);
    summary.state = "complete";
    pack();
  } finally {
    process.off("SIGTERM", interrupt).off("SIGINT", interrupt);
  }
  return summary;
}
