import { costsFacts } from "../calibration/index.ts";
import { counted, formatSeconds, formatSecondsRange, InputError } from "../core/index.ts";
import type { Calibration, PlanBody } from "../plan/index.ts";
import { measuredInterruptions } from "../runs/index.ts";
import { INTERRUPTION_CAUSES, type InterruptionCause } from "../sim/index.ts";
import {
  estimatedCheckpointSeconds,
  type InterruptedChoice,
  type InterruptedPrediction,
  predictInterrupted,
  RESTART_SECONDS,
} from "../workbench/index.ts";
import { CHECKPOINT_OPTIONS, noticeSecondsOf, timesOfCheckpoints } from "./checkpoint-options.ts";
import { type Arguments, optionalNumber, optionalPositive, optionalText } from "./command.ts";
import { costsText } from "./describe-costs.ts";
import type { Io } from "./io.ts";
import { type OptionTable, pick } from "./option-table.ts";
import { percent, printResult, table } from "./output.ts";
import { contextOf, intervalChoice } from "./request-options.ts";

/** What a machine that is taken away again and again does. */
export const INTERRUPTION_OPTIONS = {
  "interrupted-every": {
    type: "number",
    describe: "say what it costs to lose the machine: a notice comes so many seconds after the first action of a start",
  },
  "notice-seconds": {
    ...CHECKPOINT_OPTIONS["notice-seconds"],
    describe: "seconds from a notice to the end of the machine",
  },
  "checkpoint-seconds": {
    type: "number",
    describe: "writing one checkpoint (default: an estimate by its bytes)",
    notBeside: ["measured-by"],
  },
  "restart-seconds": {
    type: "number",
    describe: `from an end to the first action of the next start: queue, process, model (default: ${RESTART_SECONDS})`,
    notBeside: ["measured-by"],
  },
  ...pick(CHECKPOINT_OPTIONS, "checkpoint-minutes", "checkpoint-steps"),
  "measured-by": {
    type: "string",
    describe: "folder of a run that was interrupted and resumed: checkpoints and restarts take what its journal tells",
  },
} as const satisfies OptionTable;

/** Where the seconds of checkpoints and restarts are from. */
type Source = "given" | "measured" | "assumed";

interface Choice {
  readonly choice: InterruptedChoice;
  readonly sources: { readonly checkpoint: Source; readonly restart: Source };
}

/** @throws InputError */
function secondsOf(args: Arguments, name: "checkpoint-seconds" | "restart-seconds"): number | undefined {
  const value = optionalNumber(args, name);
  if (value !== undefined && value < 0)
    throw new InputError({ expected: "a number of at least 0", at: `--${name}`, got: value });
  return value;
}

/** INTERRUPTION_OPTIONS as they were given. @throws InputError */
function interruptedChoice(io: Io, args: Arguments, plan: PlanBody): Choice {
  const folder = optionalText(args, "measured-by");
  const checkpoint = secondsOf(args, "checkpoint-seconds");
  const restart = secondsOf(args, "restart-seconds");
  const { minutes, steps } = timesOfCheckpoints(args);
  const fixed = {
    everySeconds: optionalPositive(args, "interrupted-every")!,
    noticeSeconds: noticeSecondsOf(args),
    checkpointEverySeconds: 60 * minutes,
    checkpointEverySteps: steps,
  };
  if (folder !== undefined)
    return {
      choice: { ...fixed, ...measuredInterruptions(io, folder) },
      sources: { checkpoint: "measured", restart: "measured" },
    };
  return {
    choice: {
      ...fixed,
      checkpointSeconds: [checkpoint ?? estimatedCheckpointSeconds(plan)],
      restartSeconds: [restart ?? RESTART_SECONDS],
    },
    sources: {
      checkpoint: checkpoint === undefined ? "assumed" : "given",
      restart: restart === undefined ? "assumed" : "given",
    },
  };
}

const CAUSE_WORDS: Readonly<Record<InterruptionCause, string>> = {
  drain: "drain",
  checkpoint: "checkpoint",
  restart: "restart",
  lost: "lost work",
  fill: "fill again",
};

function facts({ run, interruptions, interval }: InterruptedPrediction, sources: Choice["sources"]) {
  const { makespanNs, totalNs, count, causesNs } = run;
  const causes = INTERRUPTION_CAUSES.map(
    (cause) =>
      [cause, { seconds: causesNs[cause] / 1e9, share: totalNs === 0 ? 0 : causesNs[cause] / totalNs }] as const,
  );
  return {
    makespanSeconds: makespanNs / 1e9,
    totalSeconds: totalNs / 1e9,
    ...(interval === undefined ? {} : { interval }),
    interruptions: count,
    causes: Object.fromEntries(causes) as Record<InterruptionCause, { seconds: number; share: number }>,
    interrupted: { ...interruptions, sources },
  };
}

type Facts = ReturnType<typeof facts>;

function intervalText({ level, low, high }: NonNullable<Facts["interval"]>): string {
  const range =
    high === null ? `${formatSeconds(low)} or more; slow ones make no progress` : formatSecondsRange(low, high);
  return `${percent(level, 0)} of runs: ${range}`;
}

/** What the shares of a table can show. */
const SHOWN_SHARE = 0.0005;

/** Below 0 where a rest runs faster than the same in the whole plan. */
function signedSeconds(seconds: number): string {
  if (Math.abs(seconds) < 1e-3) return "0 s";
  return seconds < 0 ? `-${formatSeconds(-seconds)}` : formatSeconds(seconds);
}

function text({ makespanSeconds, totalSeconds, interval, interruptions, causes, interrupted }: Facts): string {
  const { everySeconds, noticeSeconds, checkpointSeconds, restartSeconds, sources } = interrupted;
  const more = makespanSeconds === 0 ? 0 : totalSeconds / makespanSeconds - 1;
  const rows = INTERRUPTION_CAUSES.map((cause) => {
    const { seconds, share } = causes[cause];
    return [CAUSE_WORDS[cause], signedSeconds(seconds), percent(Math.abs(share) < SHOWN_SHARE ? 0 : share)];
  });
  return [
    `interrupted every ${formatSeconds(everySeconds)}: ${formatSeconds(totalSeconds)}, ` +
      `without interruptions ${formatSeconds(makespanSeconds)} (${percent(more)} more)`,
    ...(interval === undefined || interval.low === interval.high ? [] : [intervalText(interval)]),
    counted(interruptions, "interruption"),
    "",
    table(["cause", "time", "share"], rows),
    "",
    `notice ${formatSeconds(noticeSeconds)}, checkpoint ${formatSeconds(checkpointSeconds)} (${sources.checkpoint}), ` +
      `restart ${formatSeconds(restartSeconds)} (${sources.restart})`,
  ].join("\n");
}

/** `simulate --interrupted-every`: what interruptions cost. Returns the exit code. @throws InputError, PlanError */
export async function tellInterrupted(
  io: Io,
  args: Arguments,
  { plan, calibration }: { readonly plan: PlanBody; readonly calibration: Calibration },
): Promise<number> {
  const { choice, sources } = interruptedChoice(io, args, plan);
  const predicted = await predictInterrupted(contextOf(io, args), intervalChoice(args), plan, calibration, choice);
  const told = facts(predicted, sources);
  const costs = costsText(calibration);
  printResult(io, args, { ...told, costs: costsFacts(calibration) }, () =>
    [text(told), ...(costs === undefined ? [] : [costs])].join("\n"),
  );
  return 0;
}
