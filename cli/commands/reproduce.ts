import { assignDevices } from "../../exec/index.ts";
import { absolute, temporaryFolder } from "../../files/index.ts";
import {
  compareRuns,
  type JobComparison,
  journalOfRun,
  loadPlanData,
  openPlanModel,
  plansOfRun,
  weightsByJournal,
} from "../../runs/index.ts";
import { INTERRUPTED } from "../checkpoint-options.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { printResult, table } from "../output.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { contextOf } from "../request-options.ts";
import { trainIntoFolder } from "../train-into-folder.ts";

const isSame = ({ isAdapterSame, first }: JobComparison): boolean => isAdapterSame !== false && first === undefined;

function rowOf(job: JobComparison): readonly string[] {
  const { name, steps, isAdapterSame, first } = job;
  const adapter = isAdapterSame === undefined ? "not there" : isAdapterSame ? "same bytes" : "other bytes";
  return [name, `${steps}`, adapter, first === undefined ? "-" : `${first.what}: ${first.was} was, ${first.is} is`];
}

export const reproduceCommand: Command = {
  usage: "reproduce <run>",
  describe: "train a run's plan again and compare losses and adapters, byte by byte; exit code 1 where they differ",
  examples: [["$0 reproduce run/", "the same bytes, or where they first differ"]],
  positionals: { run: { type: "string", demandOption: true, describe: "run folder" } },
  uses: [
    {
      input: "a run folder",
      options: {
        keep: { type: "string", describe: "keep the second run in this folder (default: a temporary one)" },
        ...CACHE_OPTIONS,
      },
    },
  ],
  async run(args, io) {
    const given = requiredText(args, "run");
    const context = contextOf(io, args);
    // One that was resumed is made again as it began, on the devices that it began on.
    const plan = plansOfRun(io, given).at(-1)!;
    assignDevices(plan);
    const model = await openPlanModel(plan);
    const data = await context.during("reading data", (tell) => loadPlanData(context, plan, model, tell));
    const kept = optionalText(args, "keep");
    using temporary = kept === undefined ? temporaryFolder("loratwin-reproduced") : undefined;
    const folder = temporary?.path ?? absolute(io, kept!);
    const { result } = await trainIntoFolder(io, { ...args, "checkpoint-minutes": 0 }, folder, {
      ...{ plan, model, data },
      weights: weightsByJournal(journalOfRun(absolute(io, given)).events),
    });
    const made = plan.jobs.map(({ name, steps }, job) => ({
      name,
      steps: (result.stopped[job]?.step ?? steps - 1) + 1,
    }));
    const jobs = compareRuns(absolute(io, given), folder, made);
    const same = jobs.every(isSame);
    printResult(io, args, { same, endedEarly: result.endedEarly, jobs }, () =>
      [
        table(["job", "steps", "adapter", "first difference"], jobs.map(rowOf)),
        "",
        same ? "the same in all that both runs have" : "not the same",
      ].join("\n"),
    );
    if (!same) return 1;
    return result.endedEarly ? INTERRUPTED : 0;
  },
};
