import { costsFacts } from "../calibration/index.ts";
import { writeLines } from "../files/index.ts";
import type { Calibration, Plan } from "../plan/index.ts";
import type { Replayed } from "../runs/index.ts";
import { heldTrace, runMetrics, type TraceStream, timelineText, traceLines } from "../traces/index.ts";
import { type Arguments, flag, optionalNumber, optionalText } from "./command.ts";
import { costsText } from "./describe-costs.ts";
import { replayError } from "./describe-replay.ts";
import { runText } from "./describe-run.ts";
import type { Io } from "./io.ts";
import type { OptionTable } from "./option-table.ts";
import { printResult } from "./output.ts";
import { TRACE_OPTION } from "./prediction-options.ts";

/** What becomes of the run of a plan in virtual time. */
export const SIMULATED_OPTIONS = {
  output: TRACE_OPTION,
  timeline: {
    type: "boolean",
    default: false,
    describe: "print op@start for each device",
    notBeside: ["json"],
  },
  "unit-seconds": { type: "number", default: 1, describe: "unit of the timeline's times", beside: "timeline" },
  until: { type: "number", describe: "last start in the timeline, in units", beside: "timeline" },
} as const satisfies OptionTable;

export interface Simulated {
  readonly plan: Plan;
  readonly trace: TraceStream;
  /** Behind the times; absent for a replay. */
  readonly calibration?: Calibration;
  /** What it is a replay of. */
  readonly replayed?: Replayed;
}

function timeline({ plan, trace }: Simulated, args: Arguments): string {
  const until = optionalNumber(args, "until");
  return timelineText(heldTrace(trace), {
    unitSeconds: optionalNumber(args, "unit-seconds") ?? 1,
    jobs: plan.jobs.map(({ name }) => name),
    ...(until === undefined ? {} : { untilUnits: until }),
  });
}

/** Writes its trace and prints its figures or its timeline. Returns the exit code. */
export function tellSimulated(io: Io, args: Arguments, simulated: Simulated): number {
  const { plan, trace, calibration, replayed } = simulated;
  const output = optionalText(args, "output");
  if (output !== undefined) writeLines(io, output, traceLines(trace));
  const metrics = runMetrics(plan, trace);
  const { intervals } = trace;
  const replay = replayed && replayError(replayed);
  const costs = calibration && costsText(calibration);
  const document = {
    ...metrics,
    ...(intervals === undefined ? {} : { intervals }),
    ...(calibration === undefined ? {} : { costs: costsFacts(calibration) }),
    ...replay?.facts,
  };
  printResult(io, args, document, () => {
    if (flag(args, "timeline")) return timeline(simulated, args);
    return [
      runText(metrics, { intervals }),
      ...(costs === undefined ? [] : ["", costs]),
      ...(replay === undefined ? [] : ["", replay.text]),
      ...(output === undefined ? [] : ["", `trace written to ${output}`]),
    ].join("\n");
  });
  return 0;
}
