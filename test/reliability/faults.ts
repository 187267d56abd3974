import { appendFileSync, linkSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { groupBy } from "../../core/index.ts";
import { initModel } from "./reliability-case.ts";

/** A fault, and what should become of a run of two jobs. The table of docs/internals/reliability.md counts these. */
export interface InjectedFault {
  /** In words. */
  readonly what: string;
  /** As LORATWIN_FAULTS has it; none where something else goes wrong. */
  readonly faults?: string;
  /** What somebody does in the folder, between plan and run. */
  readonly before?: (folder: string) => void | Promise<void>;
  /** The command line; trains `plan.json` into `run` when absent. */
  readonly argv?: readonly string[];
  /** In a process of its own, since it ends by a signal or leaves a thread behind. */
  readonly isApart?: true;
  readonly expected: string;
  readonly code: number;
  /** Jobs whose adapters are in the folder, each with the bytes of a run without faults. */
  readonly adapters: number;
  /** In what is said on stderr, and at the start of it; nothing is said when absent. */
  readonly says?: string;
}

const TRAIN = ["train", "--no-cache"] as const;
const FULL = "adapters that fit are written";
const RIGHT_AWAY = "training does not start";
const GOES_ON = "the run is complete";
const UNEXPECTED = "one sentence on stderr";
const ENDS_WELL = "what has begun ends and is written";
const TAKEN_OVER = "the folder is taken over";

function fullDisk(): readonly InjectedFault[] {
  const refused = { expected: RIGHT_AWAY, code: 3, adapters: 0, says: "Expected a file that can be written" };
  return [
    { what: "plan.json cannot be opened", faults: "open:4:ENOSPC", ...refused },
    { what: "plan.json is written in part", faults: "write:1:ENOSPC", ...refused },
    { what: "plan.json cannot be brought to the disk", faults: "sync:1:EIO", ...refused },
    { what: "plan.json cannot be renamed", faults: "rename:1:EIO", ...refused },
    { what: "the journal cannot be opened", faults: "open:1:ENOSPC", ...refused },
    { what: "metrics.jsonl cannot be opened", faults: "open:2:EDQUOT", ...refused },
    { what: "completions.jsonl cannot be opened", faults: "open:3:EMFILE", ...refused },
    ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18].map((pass) => ({
      what: `write ${pass} of a run finds the disk full, those after it do not`,
      faults: `write:${pass}:ENOSPC`,
      ...{ expected: GOES_ON, code: 0, adapters: 2 },
    })),
    {
      what: "the disk is full from the first line of the journal on",
      faults: "write:2+:ENOSPC",
      ...{ expected: FULL, code: 3, adapters: 0 },
      says: "Expected a disk that takes all of the run (adapters of 0 of 2 jobs are written",
    },
    {
      what: "the disk is full from the trace on",
      faults: "open:9+:ENOSPC",
      ...{ expected: FULL, code: 3, adapters: 2 },
      says: "Expected a disk that takes all of the run (adapters of 2 of 2 jobs are written, not the trace)",
    },
    {
      what: "an adapter cannot be renamed once",
      faults: "rename:4:EIO",
      ...{ expected: GOES_ON, code: 0, adapters: 2 },
    },
  ];
}

function reading(): readonly InjectedFault[] {
  const refused = { expected: RIGHT_AWAY, adapters: 0 };
  const faults: readonly InjectedFault[] = [
    { what: "the plan cannot be read", faults: "read:1:EIO", ...refused, code: 3, says: "Expected" },
    { what: "weights cannot be read", faults: "read:2+:EIO", ...refused, code: 3, says: "Expected" },
    { what: "too many files are open", faults: "read:3:EMFILE", ...refused, code: 3, says: "Expected" },
    {
      what: "a row of the data has changed",
      before: (folder) => appendFileSync(path.join(folder, "rows.jsonl"), '{"input_ids":[1,2,3],"labels":[1,2,3]}\n'),
      ...{ ...refused, code: 2, says: "Expected" },
    },
    {
      what: "the data are gone",
      before: (folder) => writeFileSync(path.join(folder, "rows.jsonl"), ""),
      ...{ ...refused, code: 2, says: "Expected" },
    },
    {
      what: "the model is another one",
      before: (folder) => initModel(folder, 64),
      ...{ ...refused, code: 2, says: "Expected the model that the plan was made for" },
    },
    {
      what: "the weights are cut off",
      before: (folder) => {
        const file = path.join(folder, "model", "model.safetensors");
        writeFileSync(file, readFileSync(file).subarray(0, 3000));
      },
      ...{ ...refused, code: 2, says: "Expected" },
    },
    {
      what: "the plan is cut off",
      before: (folder) => {
        const file = path.join(folder, "plan.json");
        writeFileSync(file, readFileSync(file).subarray(0, 3000));
      },
      ...{ ...refused, code: 2, says: "Expected" },
    },
  ];
  return faults;
}

function devices(): readonly InjectedFault[] {
  const ends = { expected: "the run ends and says where", code: 3, adapters: 0 };
  const stalls = { ...ends, isApart: true as const, says: "Expected an action to end within 1 s" };
  return [
    { what: "a device meets an allocation failure", faults: "action:7:memory", ...ends, says: "Expected task" },
    {
      what: "the same, of one of two pipelines",
      argv: [...TRAIN, "workload.json", "--devices", "cpu:0,cpu:1", "--pipelines", "2", "--no-fuse", "-o", "run"],
      ...{ ...ends, faults: "action:7:memory", expected: "the other pipeline trains its jobs", adapters: 1 },
      says: "Warning: pipeline 0 has stopped, and with it first; the others go on (Expected task",
    },
    { what: "a device throws what is no exception", faults: "action:7:error", ...ends, says: "Expected task" },
    { what: "a device's thread ends without a word", faults: "action:7:end,watchdog:1:1", ...stalls },
    { what: "an action never ends", faults: "action:7:hang,watchdog:1:1", ...stalls },
    {
      what: "JavaScript's memory is short",
      faults: "setting-up:1:ENOMEM",
      ...{ ...ends, expected: RIGHT_AWAY },
      says: "Expected the system to do what it was asked for",
    },
    {
      what: "an error that nobody expected, before training",
      faults: "setting-up:1:throw",
      ...{ expected: UNEXPECTED, code: 70, adapters: 0 },
      says: "Unexpected error, a fault of loratwin's own: TypeError: a fault that was asked for (--debug shows where)",
    },
    {
      what: "the same at the end",
      faults: "writing:1:throw",
      ...{ expected: UNEXPECTED, code: 70, adapters: 2 },
      says: "Unexpected error",
    },
    {
      what: "the clock goes back a day",
      faults: "clock:2+:-86400",
      ...{ expected: GOES_ON, code: 0, adapters: 2 },
    },
    { what: "the clock goes ahead a day", faults: "clock:2+:86400", ...{ expected: GOES_ON, code: 0, adapters: 2 } },
    {
      what: "a job's learning rate makes its loss NaN",
      argv: ["train", "diverging.json", "--devices", "cpu:0", "-o", "run"],
      ...{ expected: "the job is stopped, the other one is trained", code: 1, adapters: 1 },
    },
  ];
}

function signals(): readonly InjectedFault[] {
  const apart = { isApart: true as const };
  const atOnce = { ...apart, expected: "the process ends", adapters: 0 };
  const soon = {
    ...apart,
    expected: ENDS_WELL,
    code: 0,
    adapters: 2,
    says: "Ends after",
  };
  return [
    ...(["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const).map((signal) => ({
      what: `${signal} while rows are read`,
      faults: `loading:1:${signal}`,
      ...{ ...atOnce, code: { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGKILL: 137 }[signal] },
    })),
    { what: "SIGKILL while devices are set up", faults: "setting-up:1:SIGKILL", ...atOnce, code: 137 },
    { what: "SIGINT while devices are set up", faults: "setting-up:1:SIGINT", ...soon },
    { what: "SIGKILL while jobs train", faults: "training:1:SIGKILL", ...atOnce, code: 137 },
    { what: "SIGKILL before the end is written", faults: "writing:1:SIGKILL", ...atOnce, adapters: 2, code: 137 },
    {
      what: "SIGTERM before the end is written",
      faults: "writing:1:SIGTERM",
      ...{ ...apart, expected: ENDS_WELL, code: 0, adapters: 2 },
    },
  ];
}

function folders(): readonly InjectedFault[] {
  const refused = { expected: "the command is refused", code: 2, adapters: 0 };
  const over = "Expected another file than those that are read at --output";
  return [
    {
      what: "another process has the run folder",
      before: (folder) => writeFileSync(path.join(folder, "run", "lock"), '{"process":1,"started":null}'),
      ...{ ...refused, says: "Expected a folder that no other process writes" },
    },
    {
      what: "a process that is no more had it",
      before: (folder) => writeFileSync(path.join(folder, "run", "lock"), '{"process":99999999,"started":"1"}'),
      ...{ expected: TAKEN_OVER, code: 0, adapters: 2, says: "Note: run was left by process 99999999" },
    },
    {
      what: "a process was ended while it took it",
      before: (folder) => writeFileSync(path.join(folder, "run", "lock"), ""),
      ...{ expected: TAKEN_OVER, code: 0, adapters: 2 },
    },
    {
      what: "the plan is to be written over its workload",
      argv: ["plan", "workload.json", "--devices", "cpu:0", "-o", "workload.json"],
      ...{ ...refused, says: over },
    },
    {
      what: "the same through a symbolic link",
      before: (folder) => symlinkSync("workload.json", path.join(folder, "link.json")),
      argv: ["plan", "workload.json", "--devices", "cpu:0", "-o", "link.json"],
      ...{ ...refused, says: over },
    },
    {
      what: "the same through a hard link",
      before: (folder) => linkSync(path.join(folder, "workload.json"), path.join(folder, "hard.json")),
      argv: ["plan", "hard.json", "--devices", "cpu:0", "-o", "workload.json"],
      ...{ ...refused, says: over },
    },
    {
      what: "a trace is to be written over the data of its plan",
      argv: ["simulate", "plan.json", "-o", "rows.jsonl"],
      ...{ ...refused, says: over },
    },
    {
      what: "a plan is to be written over the model",
      argv: ["plan", "workload.json", "--devices", "cpu:0", "-o", "model/config.json"],
      ...{ ...refused, says: over },
    },
    {
      what: "a member of the run folder is a link to the workload",
      before: (folder) => symlinkSync("../workload.json", path.join(folder, "run", "metrics.jsonl")),
      ...{ ...refused, says: "Expected" },
    },
  ];
}

export const FAULTS: readonly InjectedFault[] = [...fullDisk(), ...reading(), ...devices(), ...signals(), ...folders()];

/** The different ones, in order, as a sentence has them. */
function inWords(texts: readonly string[]): string {
  const sorted = [...new Set(texts)].sort();
  return sorted.length === 1 ? sorted[0]! : `${sorted.slice(0, -1).join(", ")} or ${sorted.at(-1)}`;
}

/** What becomes of runs, with the number of faults that come to it: the ends of the rows of the document's table. */
export function outcomes(faults: readonly InjectedFault[]): readonly string[] {
  const alike = groupBy(faults, ({ expected }) => expected);
  return [...alike].map(([expected, of]) => {
    const codes = inWords(of.map(({ code }) => `${code}`));
    const adapters = inWords(of.map((fault) => `${fault.adapters}/2`));
    return `${expected}: exit code ${codes}, ${adapters} adapters | \`faults.test.ts\` (${of.length}) |`;
  });
}
