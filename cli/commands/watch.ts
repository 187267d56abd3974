import { setTimeout as sleep } from "node:timers/promises";
import { counted, finite, formatSeconds, sum } from "../../core/index.ts";
import { failureOf, howFar, isGoingOn, lossesByJob, onInterrupt, type RunOfPlan, readRun } from "../../runs/index.ts";
import { traceTotals } from "../../traces/index.ts";
import { type Command, flag, requiredText } from "../command.ts";
import { moveCursor, percent, printResult, table } from "../output.ts";
import { sparkline } from "../sparkline.ts";

/** How often a terminal is drawn anew, and how often a line comes where nobody looks. */
const DRAW_EVERY_MS = 1000;
const LINE_EVERY_MS = 10_000;
/** Columns of a loss curve. */
const CURVE = 24;

/** What there is to see of a run at one moment. */
interface View {
  readonly state: RunOfPlan["state"];
  readonly doneSteps: number;
  readonly steps: number;
  readonly tokensPerSecond: number;
  /** Null before the first step, and once the run has ended. */
  readonly secondsLeft: number | null;
  readonly jobs: readonly {
    readonly name: string;
    readonly doneSteps: number;
    readonly steps: number;
    readonly loss: number | null;
    /** Null where it is not finite. */
    readonly losses: readonly (number | null)[];
    readonly ended: boolean;
    /** Why it trains no further before its end; absent where nothing is wrong with it. */
    readonly stopped?: string;
  }[];
  /** Why the run could not be carried out to its end. */
  readonly failed?: string;
}

/** By the tokens that are left at the rate so far. */
function secondsLeft(run: RunOfPlan, tokensPerSecond: number): number | null {
  if (!isGoingOn(run) || tokensPerSecond === 0) return null;
  const { plan, metrics } = run;
  const trained = plan.microBatches.filter(({ evaluation }) => evaluation === undefined);
  const all = sum(trained.flatMap(({ rows }) => rows.map(([, , tokens]) => tokens)));
  return (all - sum(metrics.map(({ tokens }) => tokens))) / tokensPerSecond;
}

function viewOf(run: RunOfPlan): View {
  const { plan, metrics, trace, state, events, stops } = run;
  const ended = new Set(events.flatMap((line) => (line.event === "job ended" ? [line.job] : [])));
  const losses = lossesByJob(metrics);
  const { why: failed, jobs: lost } = failureOf(events);
  const { tokensPerSecond } = traceTotals(trace);
  return {
    state,
    doneSteps: metrics.length,
    steps: sum(plan.jobs.map(({ name, steps }) => (stops.get(name)?.step ?? steps - 1) + 1)),
    tokensPerSecond,
    secondsLeft: secondsLeft(run, tokensPerSecond),
    jobs: plan.jobs.map(({ name, steps }) => {
      const series = (losses.get(name) ?? []).map(finite);
      const stop = stops.get(name);
      const early = stop === undefined || stop.hasDiverged ? stop?.why : `early, ${stop.why}`;
      const why = early ?? (lost.has(name) ? "its pipeline has" : undefined);
      return {
        ...{ name, steps, doneSteps: series.length, loss: series.at(-1) ?? null, losses: series },
        ended: state === "ended" || ended.has(name),
        ...(why === undefined ? {} : { stopped: why }),
      };
    }),
    ...(failed === undefined ? {} : { failed }),
  };
}

function summary({ state, doneSteps, steps, tokensPerSecond, secondsLeft: left }: View): string {
  const rate = `${tokensPerSecond.toFixed(0)} tokens/s`;
  const end = left === null ? state : `${formatSeconds(left)} left`;
  return `${percent(doneSteps / steps, 0)} of ${counted(steps, "step")}, ${rate}, ${end}`;
}

/** What a job that was not stopped is at; in a run that goes on no more, what it was left at. */
function standingOf({ ended, doneSteps }: View["jobs"][number], goesOn: boolean): string {
  if (ended) return "done";
  if (doneSteps === 0) return goesOn ? "waiting" : "not begun";
  return goesOn ? "training" : "not finished";
}

function viewText(view: View, goesOn: boolean): string {
  const rows = view.jobs.map((job) => {
    const { name, doneSteps, steps, loss, losses, stopped } = job;
    return [
      name,
      `${doneSteps} of ${steps}`,
      loss === null ? "-" : loss.toFixed(3),
      sparkline(
        losses.map((each) => each ?? Number.NaN),
        CURVE,
      ).padEnd(CURVE),
      stopped !== undefined ? `stopped: ${stopped}` : standingOf(job, goesOn),
    ];
  });
  const failed = view.failed === undefined ? [] : ["", `failed: ${view.failed}`];
  return [summary(view), "", table(["job", "steps", "loss", "losses", ""], rows), ...failed].join("\n");
}

export const watchCommand: Command = {
  usage: "watch <run>",
  describe: "look at a run while it goes on: jobs, losses, tokens/s, predicted end",
  examples: [["$0 watch run/", "until it ends; Ctrl-C stops looking, not the run"]],
  positionals: { run: { type: "string", demandOption: true, describe: "run folder" } },
  uses: [
    {
      input: "a run folder",
      options: { once: { type: "boolean", default: false, describe: "look once, even if the run goes on" } },
    },
  ],
  async run(args, io) {
    const folder = requiredText(args, "run");
    const isOnce = flag(args, "once");
    const stop = new AbortController();
    const end = (): void => stop.abort();
    using _interrupt = io.signals === undefined ? undefined : onInterrupt(io.signals, end, end);
    const isLive = io.isTty && !flag(args, "json") && !flag(args, "quiet");
    let drawn = 0;
    let saidMs = Number.NEGATIVE_INFINITY;
    let run = readRun(io, folder, "plan");
    while (isGoingOn(run) && !isOnce && !stop.signal.aborted) {
      const view = viewOf(run);
      if (isLive) {
        const text = viewText(view, true);
        if (drawn > 0) moveCursor(io, `\u001b[${drawn}A\u001b[0J`);
        io.stderr(`${text}\n`);
        drawn = text.split("\n").length;
      } else if (performance.now() - saidMs >= LINE_EVERY_MS) {
        io.stderr(`${summary(view)}\n`);
        saidMs = performance.now();
      }
      await sleep(DRAW_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
      run = readRun(io, folder, "plan");
    }
    if (drawn > 0) moveCursor(io, `\u001b[${drawn}A\u001b[0J`);
    const view = viewOf(run);
    const far = howFar(run);
    printResult(io, args, view, () =>
      [viewText(view, isGoingOn(run)), ...(far === undefined ? [] : ["", far])].join("\n"),
    );
    return 0;
  },
};
