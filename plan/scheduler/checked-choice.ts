import type { ErrorFacts, InputError } from "../../core/index.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { Choice, FleetView, Refusal, Wish } from "./policy.ts";
import { shortfallText } from "./resources.ts";

/** How the faults of a policy are said. */
interface Judge {
  readonly fault: (facts: Pick<ErrorFacts, "expected" | "at" | "got">) => InputError;
  readonly running: <T>(call: () => T) => T;
}

/** An entry of a list that should be of jobs, each at most once. */
interface Entry {
  readonly value: Readonly<Record<string, unknown>>;
  readonly job: FleetJob;
  readonly at: string;
}

function listOf(choice: Readonly<Record<string, unknown>>, name: string, { fault }: Judge): readonly unknown[] {
  const list = choice[name];
  if (Array.isArray(list)) return list;
  throw fault({ expected: "a list", at: name, got: list });
}

/** What a policy's reason is; asked where it is said. */
function reason(make: () => unknown, at: string, { fault, running }: Judge): string {
  const text = running(make);
  if (typeof text === "string") return text;
  throw fault({ expected: "a text", at, got: text });
}

function wishOf({ value, job, at }: Entry, { resources }: FleetView, judge: Judge): Wish {
  const { pipeline, why } = value as Partial<Wish>;
  const last = resources.numPipelines - 1;
  if (typeof pipeline !== "number" || !Number.isInteger(pipeline) || pipeline < 0 || pipeline > last)
    throw judge.fault({ expected: `a pipeline from 0 to ${last}`, at: `${at}.pipeline`, got: pipeline });
  if (job.pipeline !== undefined && job.pipeline !== pipeline)
    throw judge.fault({
      expected: `pipeline ${job.pipeline}, which ${job.name} is on,`,
      at: `${at}.pipeline`,
      got: pipeline,
    });
  if (typeof why !== "function") throw judge.fault({ expected: "a function", at: `${at}.why`, got: why });
  return { job, pipeline, why: (now) => reason(() => why(now), `${at}.why`, judge) };
}

function refusalOf({ value, job, at }: Entry, judge: Judge): Refusal {
  if (job.pipeline !== undefined || job.done > 0)
    throw judge.fault({ expected: "a job that has not begun", at, got: job.name });
  return { job, why: reason(() => value["why"], `${at}.why`, judge) };
}

function checkRoom({ resources }: FleetView, wishes: readonly Wish[], { fault }: Judge): void {
  for (let pipeline = 0; pipeline < resources.numPipelines; pipeline += 1) {
    const jobs = wishes.filter((wish) => wish.pipeline === pipeline).map(({ job }) => job);
    const shortfall = jobs.length === 0 ? undefined : resources.shortfall(pipeline, jobs);
    if (shortfall !== undefined)
      throw fault({
        expected: `jobs that fit together on pipeline ${pipeline} (${shortfallText(shortfall)})`,
        at: "wishes",
        got: jobs.map(({ name }) => name),
      });
  }
}

/**
 * What a person's policy has decided: wishes of jobs that are there, each once, on a pipeline where all that are wished
 * for fit; refusals of jobs that have not begun. The jobs are the view's own. @throws InputError
 */
export function checkedChoice(choice: unknown, view: FleetView, judge: Judge): Choice {
  if (typeof choice !== "object" || choice === null)
    throw judge.fault({ expected: "a decision: { wishes, memory }", got: `${choice}` });
  const { memory = null, ...lists } = { refusals: [], ...choice } as Readonly<Record<string, unknown>>;
  const known = new Map([...view.waiting, ...view.placed].map((job) => [job.number, job]));
  const entriesOf = (name: string): readonly Entry[] =>
    listOf(lists, name, judge).map((value: unknown, i) => {
      const at = `${name}[${i}]`;
      const number = (value as { readonly job?: Partial<FleetJob> } | null | undefined)?.job?.number;
      const job = number === undefined ? undefined : known.get(number);
      if (job === undefined)
        throw judge.fault({ expected: "a job that is there, and only once", at: `${at}.job`, got: number ?? "none" });
      known.delete(job.number);
      return { value: value as Entry["value"], job, at };
    });
  const wishes = entriesOf("wishes").map((entry) => wishOf(entry, view, judge));
  const refusals = entriesOf("refusals").map((entry) => refusalOf(entry, judge));
  checkRoom(view, wishes, judge);
  return { wishes, refusals, memory };
}
