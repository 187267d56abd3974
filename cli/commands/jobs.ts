import { canonicalJson } from "../../core/index.ts";
import { onInterrupt } from "../../runs/index.ts";
import type { FleetClient } from "../../server/index.ts";
import { type Arguments, type Command, flag } from "../command.ts";
import { fleetLine, jobsTable, noticeLines } from "../describe-jobs.ts";
import { FLEET_POSITIONAL, fleetOf, fleetUse } from "../fleet-options.ts";
import type { Io } from "../io.ts";
import { printResult } from "../output.ts";

async function printJobs(fleet: FleetClient, args: Arguments, io: Io): Promise<void> {
  const [{ jobs, omitted }, status] = await Promise.all([fleet.jobs(), fleet.status()]);
  const more = omitted === 0 ? [] : ["", `and ${omitted} earlier ones that are over`];
  printResult(io, args, { status, jobs, omitted }, () =>
    [fleetLine(status), "", jobsTable(jobs, status.uptimeSeconds), ...more].join("\n"),
  );
}

export const jobsCommand: Command = {
  usage: "jobs <run>",
  describe: "the jobs of a live fleet: progress, losses, predicted ends",
  examples: [["$0 jobs run/ --follow", "then every decision, step and end, until Ctrl-C"]],
  positionals: { run: FLEET_POSITIONAL },
  uses: [
    fleetUse({
      follow: {
        type: "boolean",
        default: false,
        describe: "keep printing what happens; with --json one document a line",
      },
    }),
  ],
  async run(args, io) {
    const fleet = fleetOf(args, io);
    if (!flag(args, "follow")) {
      await printJobs(fleet, args, io);
      return 0;
    }
    const stop = new AbortController();
    const end = (): void => stop.abort();
    using _interrupt = io.signals === undefined ? undefined : onInterrupt(io.signals, end, end);
    for await (const notice of fleet.notices(stop.signal)) {
      // First, and wherever something was missed, how things are.
      if (notice === "reset") await printJobs(fleet, args, io);
      else if (flag(args, "json")) io.stdout(`${canonicalJson(notice)}\n`);
      else for (const line of noticeLines(notice)) io.stdout(`${line}\n`);
    }
    return 0;
  },
};
