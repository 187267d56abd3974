import { InputError } from "../../core/index.ts";
import { type FleetHistory, fleetHistory, fleetStory, type JobHistory, jobStory } from "../../plan/index.ts";
import { loadJournal, stoppedByJournal } from "../../runs/index.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { storyText } from "../describe-story.ts";
import { printResult, warn } from "../output.ts";

/** Names that an error lists. */
const LISTED = 8;

function jobNamed({ jobs }: FleetHistory, name: string): JobHistory {
  const job = jobs.find(({ request }) => request.name === name);
  if (job !== undefined) return job;
  const names = jobs.slice(0, LISTED).map(({ request }) => request.name);
  const others = jobs.length - names.length;
  const hint = `There are ${names.join(", ")}${others > 0 ? ` and ${others} more` : ""}.`;
  throw new InputError({ expected: "a job of the journal", at: "job", got: name, hint });
}

export const explainCommand: Command = {
  usage: "explain <journal> [job]",
  describe: "tell the story of a fleet, or of one of its jobs, from the journal of a job scheduler",
  examples: [
    ["$0 explain journal.jsonl", "who waited most and why, preemptions, stops, refusals"],
    ["$0 explain run/ math", "a job from its arrival to its end, with the reason of each decision"],
  ],
  positionals: {
    journal: { type: "string", demandOption: true, describe: "journal (JSON lines), or a run folder with one" },
    job: { type: "string", describe: "name of a job" },
  },
  uses: [{ input: "a journal", options: {} }],
  run(args, io) {
    const { lines, tornLine, events } = loadJournal(io, requiredText(args, "journal"));
    const stopped = stoppedByJournal(events);
    if (tornLine !== undefined)
      warn(io, `line ${tornLine} of the journal was not written to its end; all that is said is of the lines before.`);
    const history = fleetHistory(lines);
    const name = optionalText(args, "job");
    if (name !== undefined) {
      const job = jobNamed(history, name);
      const why = stopped.get(name);
      const story = [...jobStory(history, job), ...(why === undefined ? [] : [`It has no adapter: ${why}.`])];
      printResult(io, args, { job, story }, () => story.join("\n"));
      return 0;
    }
    const story = fleetStory(history);
    printResult(io, args, { ...history, story }, () => storyText(story));
    return 0;
  },
};
