import { InputError, shellQuoted } from "../../core/index.ts";
import { readInput } from "../../files/index.ts";
import { parsePlan } from "../../plan/index.ts";
import { loadTraces, readRun, runKindOf } from "../../runs/index.ts";
import { machinePart } from "../../workbench/index.ts";
import { type Arguments, type Command, optionalText, requiredText, type Use } from "../command.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { percent, printResult } from "../output.ts";
import { contextOf } from "../request-options.ts";
import { policyOption } from "../simulate-fleet.ts";
import { fleetAssets } from "../write-fleet.ts";
import { writeLiveFleet } from "../write-live-fleet.ts";
import { writeReport } from "../write-report.ts";

const PAGE_OPTIONS = {
  title: { type: "string", describe: "title of the page" },
  output: { type: "string", alias: "o", writes: true, demandOption: true, describe: "where to write the page (HTML)" },
} as const satisfies OptionTable;

const TRACES: Use = {
  input: "traces",
  options: {
    plan: { type: "string", describe: "the plan, where it does not lie beside the trace" },
    ...PAGE_OPTIONS,
  },
};

const FLEET: Use = {
  input: "a live fleet's folder",
  options: {
    policy: { type: "string", describe: "policy of a live fleet's twin, instead of the fleet's own" },
    ...PAGE_OPTIONS,
  },
};

async function reportFleet(io: Io, args: Arguments, folder: string): Promise<void> {
  fleetAssets();
  const text = optionalText(args, "policy");
  const policy = text === undefined ? undefined : await policyOption(io, "policy", text);
  const policyText = text === undefined ? "" : ` --policy ${shellQuoted(text)}`;
  const output = requiredText(args, "output");
  const fleet = readRun(io, folder, "fleet");
  const written = writeLiveFleet(io, output, folder, fleet, { title: optionalText(args, "title"), policy });
  printResult(io, args, { report: output, ...written }, () => {
    const errors = Object.values(written.turnaroundErrors).filter((error) => error !== null);
    const largest = Math.max(0, ...errors.map(Math.abs));
    const { sameDecisions, decisions } = written;
    if (sameDecisions === null)
      return `report written to ${output}\nthe fleet was cut off and gone on with: it has no twin beside it`;
    const same = sameDecisions === decisions ? `all ${decisions}` : `the first ${sameDecisions} of ${decisions}`;
    const judged =
      errors.length === 0
        ? ""
        : `; at the calibration's speed turnarounds differ by at most ${percent(largest)}\n` +
          `\`loratwin compare ${shellQuoted(folder)}${policyText}\` takes the machine's speed out`;
    return `report written to ${output}\nbeside its twin: ${same} decisions are the same${judged}`;
  });
}

function reportTraces(io: Io, args: Arguments, files: readonly string[]): void {
  if (files.length > 2) throw new InputError({ expected: "one trace or two", at: "trace", got: files });
  const { traces, ...beside } = loadTraces(contextOf(io, args), files);
  const planFile = optionalText(args, "plan");
  const planInput = planFile === undefined ? undefined : readInput(io, planFile, "a plan file");
  const output = requiredText(args, "output");
  const plan = planInput === undefined ? beside.plan : parsePlan(planInput.text, planInput.file);
  const machine = machinePart(plan, traces);
  const title = optionalText(args, "title") ?? "loratwin run";
  const { metrics: losses, evaluations, samples } = beside;
  writeReport(io, output, { title, traces, losses, evaluations, samples, plan, machine });
  printResult(io, args, { report: output }, () => `report written to ${output}`);
}

/** @throws InputError where a live fleet's folder is not the only thing */
function fleetFolder(io: Io, files: readonly string[]): string | undefined {
  const folder = files.find((file) => runKindOf(io, file) === "fleet");
  if (folder !== undefined && files.length > 1)
    throw new InputError({
      expected: "a live fleet's folder by itself",
      at: "trace",
      got: files,
      hint: "The page has the twin beside it.",
    });
  return folder;
}

export const reportCommand: Command = {
  usage: "report <trace..>",
  describe: "one page of a trace or two, or of a live fleet beside its twin",
  examples: [["$0 report run/ -o report.html", "an executed run, or a live fleet that has ended or goes on"]],
  positionals: {
    trace: {
      type: "string",
      array: true,
      demandOption: true,
      describe: "trace files or run folders, at most two; or a live fleet's folder",
    },
  },
  uses: [TRACES, FLEET],
  useOf: (args, io) => (fleetFolder(io, args["trace"] as readonly string[]) === undefined ? TRACES : FLEET),
  async run(args, io) {
    const files = args["trace"] as readonly string[];
    const folder = fleetFolder(io, files);
    if (folder === undefined) reportTraces(io, args, files);
    else await reportFleet(io, args, folder);
    return 0;
  },
};
