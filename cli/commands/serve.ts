import { EventEmitter } from "node:events";
import path from "node:path";
import { checkDocument, completeJob, jobSchema } from "../../plan/index.ts";
import {
  CONTROL_SOCKET,
  type FleetControl,
  type JobOverrides,
  liveControl,
  placeJob,
  startServer,
  unwritten,
} from "../../server/index.ts";
import { type LiveFleet, type OpenedFleet, onInterrupt, openLiveFleet, submissionOf } from "../../workbench/index.ts";
import { type Arguments, type Command, flag, optionalCount, optionalText, requiredText, type Use } from "../command.ts";
import { fleetLine, jobsTable, noticeLines } from "../describe-jobs.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { printResult } from "../output.ts";
import { contextOf, fleetRequestChoice, usesCache } from "../request-options.ts";
import { FLEET_PLAN_OPTIONS, policyOption } from "../simulate-fleet.ts";
import { browserAsset } from "../write-report.ts";

const OPTIONS = {
  output: {
    type: "string",
    alias: "o",
    demandOption: true,
    describe: "run folder: setting, segments, journal, metrics, adapters, and the socket of the server",
  },
  policy: {
    type: "string",
    default: "mlora",
    describe: "the job scheduler's policy: a name (see `simulate --help`), or your own by its path",
  },
  once: { type: "boolean", default: false, describe: "end when the workload's jobs have ended" },
  port: { type: "number", describe: "listen on 127.0.0.1 as well; 0 for any port that is free" },
  "token-file": { type: "string", describe: "file with the token for --port; token in the run folder when absent" },
  spool: { type: "string", describe: "folder whose job files are submitted" },
  ...FLEET_PLAN_OPTIONS,
} as const satisfies OptionTable;

const USE: Use = { input: "a workload", options: OPTIONS };

/** 128 and the number of SIGINT, as a shell has it. */
const INTERRUPTED = 130;

/** What the server asks beside what the fleet knows of itself. */
function controlOf(io: Io, opened: OpenedFleet, cache: boolean): FleetControl {
  const { fleet, loaded, place, future } = opened;
  return liveControl(fleet, {
    submissionOf: (job) => submissionOf({ loaded, place, cache }, job),
    derived({ name: _name, ...job }, name, overrides: JobOverrides) {
      const written = { ...overrides, name };
      return checkDocument(jobSchema, completeJob(written, job), unwritten(written));
    },
    predictedEnds: () => future.predictedEnds(),
    async whatIf(submission, text) {
      return future.whatIf(submission, text === undefined ? undefined : await policyOption(io, "policy", text));
    },
  });
}

/** The workload's jobs come when they say, in seconds since the devices were ready. */
function submitArrivals({ fleet, arrivals }: OpenedFleet, once: boolean): Disposable {
  const timers = new Set<NodeJS.Timeout>();
  let left = arrivals.length;
  for (const { atSeconds, submission } of arrivals) {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        if (fleet.isDraining) return;
        fleet.submit(submission);
        left -= 1;
        if (once && left === 0) fleet.drain();
      },
      Math.max(0, 1e3 * atSeconds - fleet.nowNs / 1e6),
    );
    timers.add(timer);
  }
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

async function runFleet(io: Io, fleet: LiveFleet): Promise<boolean> {
  let isInterrupted = false;
  using _interrupt = onInterrupt(
    io.signals ?? new EventEmitter(),
    () => {
      isInterrupted = true;
      io.stderr("Ends after the iterations that are queued; Ctrl-C again ends at once.\n");
      fleet.end();
    },
    (code) => io.exit?.(code),
  );
  await fleet.run();
  return isInterrupted;
}

function spoolOf(args: Arguments) {
  const spool = optionalText(args, "spool");
  return spool === undefined ? {} : { spool };
}

export const serveCommand: Command = {
  usage: "serve <workload>",
  describe: "keep pipelines warm and train jobs as they come, on this machine",
  examples: [
    ["$0 serve jobs.yaml -o run/", "takes more jobs by `loratwin submit run/ job.yaml`"],
    ["$0 serve jobs.yaml -o run/ --once", "ends with the workload's jobs"],
  ],
  positionals: { workload: { type: "string", demandOption: true, describe: "workload whose jobs come over time" } },
  uses: [USE],
  async run(args, io) {
    const context = contextOf(io, args);
    const folder = requiredText(args, "output");
    const policy = await policyOption(io, "policy", requiredText(args, "policy"));
    const once = flag(args, "once");
    const opened = await openLiveFleet(context, requiredText(args, "workload"), fleetRequestChoice(args), {
      folder,
      policy,
    });
    using fleet = opened.fleet;
    const control = controlOf(io, opened, usesCache(args));
    const port = optionalCount(args, "port", 0);
    const { defaults = {} } = opened.loaded.source.value as { readonly defaults?: JobOverrides };
    await using server = await startServer(control, {
      place: io,
      socket: path.join(folder, CONTROL_SOCKET),
      ...(port === undefined
        ? {}
        : {
            tcp: {
              host: "127.0.0.1",
              port,
              tokenFile: optionalText(args, "token-file") ?? path.join(folder, "token"),
            },
          }),
      ...spoolOf(args),
      defaults: placeJob(defaults, path.dirname(opened.loaded.source.file)),
      assets: { script: browserAsset("server", "client.js"), style: browserAsset("server", "client.css") },
      tell: (text) => context.note(text),
      onFault: (error) => context.warn(String(error)),
    });
    const where = server.address.url === null ? "" : ` and on ${server.address.url}`;
    context.note(`serves on ${server.address.socket}${where}`);
    const unsubscribe = control.subscribe((notice) => {
      if (notice.kind !== "step" && notice.kind !== "evaluation")
        for (const line of noticeLines(notice)) context.note(line);
    });
    using _arrivals = submitArrivals(opened, once);
    const isInterrupted = await runFleet(io, fleet);
    unsubscribe();
    const [jobs, status] = await Promise.all([control.jobs(), control.status()]);
    printResult(io, args, { status, jobs, folder }, () =>
      [fleetLine(status), "", jobsTable(jobs, status.uptimeSeconds), "", `written to ${folder}`].join("\n"),
    );
    return isInterrupted && !jobs.every(({ standing }) => standing === "ended") ? INTERRUPTED : 0;
  },
};
