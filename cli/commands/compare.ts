import { InputError, shellQuoted } from "../../core/index.ts";
import { loadTraces, replayPlan, runKindOf } from "../../runs/index.ts";
import { COMPARISON_SCHEDULES } from "../../studies/index.ts";
import { compareTable, compareTraces } from "../../traces/index.ts";
import { holdsPlan, machinePart } from "../../workbench/index.ts";
import { type Arguments, type Command, optionalSize, optionalText, requiredText, type Use } from "../command.ts";
import { compareFleetRun } from "../compare-fleet.ts";
import { compareTwoWays } from "../compare-two-ways.ts";
import { asComparison, COMPARISON_OPTIONS } from "../comparison-schedule.ts";
import type { Io } from "../io.ts";
import { note, percent, printResult } from "../output.ts";
import { contextOf } from "../request-options.ts";
import { writeReport } from "../write-report.ts";

const MAX_ERROR = {
  type: "number",
  describe:
    "largest error that passes, such as 0.05: of makespan and mean action; of a live fleet, of turnarounds with its decisions",
} as const;

const TRACES: Use = {
  input: "two traces",
  options: {
    "max-error": MAX_ERROR,
    output: { type: "string", alias: "o", writes: true, describe: "where to write the report (HTML)" },
  },
};

const WAYS_PAGE = {
  output: { type: "string", alias: "o", writes: true, describe: "where to write a page with both timelines (HTML)" },
} as const;

const PLANS: Use = {
  input: "two plans",
  options: WAYS_PAGE,
  instead: () => "Two plans are simulated, and their times compared cause by cause: nothing has run.",
};

const FLEET: Use = {
  input: "a live fleet's folder",
  options: {
    "max-error": MAX_ERROR,
    policy: { type: "string", describe: "policy that decides anew, instead of the fleet's own" },
  },
  instead: () => "A live fleet is simulated again; `loratwin report RUN -o PAGE` writes a page of it.",
};

const WAYS: Use = {
  input: "a schedule that is simulated only",
  options: {
    workload: { type: "string", needed: true, describe: `what ${COMPARISON_SCHEDULES.join(", ")} train` },
    ...COMPARISON_OPTIONS,
    ...WAYS_PAGE,
  },
  instead: () => "Such a schedule is simulated for the jobs of --workload, and its time compared cause by cause.",
};

/** The folder of a live fleet. @throws InputError beside something else */
function fleetFolder(io: Io, files: readonly string[]): string | undefined {
  const fleet = files.find((file) => runKindOf(io, file) === "fleet");
  if (fleet === undefined || files.length === 1) return fleet;
  throw new InputError({
    expected: "traces or run folders of one plan",
    got: `${fleet}, the folder of a live fleet`,
    hint: `\`loratwin compare ${shellQuoted(fleet)}\` simulates it again, job by job.`,
  });
}

function filesOf(args: Arguments): readonly string[] {
  const executed = optionalText(args, "executed");
  return [requiredText(args, "simulated"), ...(executed === undefined ? [] : [executed])];
}

function useOf(args: Arguments, io: Io): Use {
  const files = filesOf(args);
  if (fleetFolder(io, files) !== undefined) return FLEET;
  if (files.length === 1)
    throw new InputError({
      expected: "two traces, plans or schedules, or the folder of a live fleet by itself",
      at: "executed",
      got: `one, and ${files[0]} is no folder of a live fleet`,
      hint: "`loratwin compare simulated.json run/` compares a run with its simulation.",
    });
  if (files.some((what) => asComparison(what) !== undefined)) return WAYS;
  return holdsPlan(io, files[0]!) ? PLANS : TRACES;
}

export const compareCommand: Command = {
  usage: "compare <simulated> [executed]",
  describe:
    "join two traces of one plan, action by action; exit 1 above --max-error. Of two plans, or schedules that are simulated only: why one takes longer, cause by cause. Of a live fleet: how far off its simulation is, and why",
  examples: [
    ["$0 compare simulated.json run/trace.json -o report.html", "table and page"],
    ["$0 compare simulated.json run/ --max-error 0.05", "a check for CI"],
    ["$0 compare one.json other.json -o ways.html", "two plans: where the difference of their times comes from"],
    ["$0 compare one.json fsdp --workload w.yaml --cluster gpus.yaml", "a plan and FSDP"],
    ["$0 compare run/", "a live fleet: the simulator's own error, and where decisions part"],
  ],
  positionals: {
    simulated: {
      type: "string",
      demandOption: true,
      describe: "trace of simulate; a plan; tp, fsdp, ...; or a live fleet's folder",
    },
    executed: { type: "string", describe: "trace of train, or the run folder; or another plan, or tp, fsdp, ..." },
  },
  uses: [TRACES, PLANS, FLEET, WAYS],
  useOf,
  run(args, io, use) {
    if (use === FLEET) return compareFleetRun(io, args, requiredText(args, "simulated"));
    const files = [requiredText(args, "simulated"), requiredText(args, "executed")] as const;
    if (use !== TRACES) return compareTwoWays(io, args, files);
    const { traces, plan, metrics, evaluations } = loadTraces(contextOf(io, args), files);
    const [simulated, executed] = [traces[0]!, traces[1]!];
    const canReplay = plan !== undefined && plan.hash === executed.planHash;
    const replayed = canReplay ? replayPlan(plan, executed) : undefined;
    const machine = machinePart(plan, traces);
    const comparison = compareTraces(simulated, executed, { replayed, machine });
    const output = optionalText(args, "output");
    if (output !== undefined)
      writeReport(io, output, {
        title: "Simulated and executed",
        traces,
        machine,
        plan,
        ...{ losses: metrics, evaluations },
      });
    printResult(io, args, comparison, () =>
      [compareTable(comparison), ...(output === undefined ? [] : ["", `report written to ${output}`])].join("\n"),
    );
    const limit = optionalSize(args, "max-error");
    const largest = Math.max(Math.abs(comparison.makespanError), comparison.meanAbsActionError);
    if (limit === undefined || largest <= limit) return 0;
    note(
      io,
      args,
      `the larger of makespan error and mean action error is ${percent(largest)}, above ${percent(limit)}.`,
    );
    return 1;
  },
};
