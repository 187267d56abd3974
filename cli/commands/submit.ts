import type { JobStatus } from "../../server/index.ts";
import { type Command, requiredText } from "../command.ts";
import { jobLine } from "../describe-jobs.ts";
import { FLEET_POSITIONAL, fleetOf, fleetUse } from "../fleet-options.ts";
import { askAbout, readJobs } from "../job-files.ts";
import { printResult, warn } from "../output.ts";

export const submitCommand: Command = {
  usage: "submit <run> <job>",
  describe: "give a live fleet a job, or a list of jobs",
  examples: [["$0 submit run/ job.yaml", "a job of what a workload's jobs are; what it leaves out is the workload's"]],
  positionals: {
    run: FLEET_POSITIONAL,
    job: { type: "string", demandOption: true, describe: "file with one job or a list of jobs" },
  },
  uses: [fleetUse()],
  async run(args, io) {
    const jobs = readJobs(io, requiredText(args, "job"));
    const fleet = fleetOf(args, io);
    const taken: JobStatus[] = [];
    try {
      for (const each of jobs) taken.push(await askAbout(each, () => fleet.submit(each.job)));
    } catch (error) {
      if (taken.length > 0) warn(io, `${taken.map(({ name }) => name).join(", ")} went in before this one`);
      throw error;
    }
    const { uptimeSeconds } = await fleet.status();
    printResult(io, args, { jobs: taken }, () => taken.map((job) => jobLine(job, uptimeSeconds)).join("\n"));
    return taken.some(({ standing }) => standing === "refused") ? 2 : 0;
  },
};
