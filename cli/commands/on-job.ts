import type { FleetClient, JobStatus } from "../../server/index.ts";
import { type Arguments, type Command, requiredText } from "../command.ts";
import { jobLine } from "../describe-jobs.ts";
import { FLEET_POSITIONAL, fleetOf, fleetUse } from "../fleet-options.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { printResult } from "../output.ts";

/** When a job that trains does what it was asked for. */
export const AFTER_ITERATION = " after the iteration that it is in";

/** What a command does to one job of a live fleet. */
interface JobAction {
  readonly name: string;
  readonly describe: string;
  readonly example: readonly [arguments: string, what: string];
  /** Besides the fleet and the job. */
  readonly positionals?: OptionTable;
  readonly options?: OptionTable;
  /** Returns the job that it is about. */
  readonly act: (fleet: FleetClient, job: string, args: Arguments, io: Io) => Promise<JobStatus>;
  /** What comes of it, where the fleet has not decided on it yet; undefined where it has. */
  readonly pending?: (job: JobStatus) => string | undefined;
}

/** A command that does one thing to one job, and says where the job is then. */
export function onJobCommand({ name, describe, example, positionals = {}, options, act, pending }: JobAction): Command {
  const more = Object.keys(positionals).map((key) => ` <${key}>`);
  return {
    usage: `${name} <run> <name>${more.join("")}`,
    describe,
    examples: [[`$0 ${name} run/ ${example[0]}`, example[1]]],
    positionals: {
      run: FLEET_POSITIONAL,
      name: { type: "string", demandOption: true, describe: "name of a job" },
      ...positionals,
    },
    uses: [fleetUse(options)],
    async run(args, io) {
      const fleet = fleetOf(args, io);
      const job = await act(fleet, requiredText(args, "name"), args, io);
      const { uptimeSeconds } = await fleet.status();
      printResult(io, args, job, () => {
        const follows = pending?.(job);
        return follows === undefined ? jobLine(job, uptimeSeconds) : `${job.name} ${follows}`;
      });
      return 0;
    },
  };
}
