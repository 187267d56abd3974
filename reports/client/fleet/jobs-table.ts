import type { FleetComparison, FleetPageJob, FleetPart } from "../../fleet-data.ts";
import { element, section } from "../element.ts";
import { costText, formatDuration, formatError, formatShare } from "../format.ts";
import { jobDot } from "../job-colours.ts";
import { createRowChoice } from "../row-choice.ts";
import { walkedByArrows } from "../walked-by-arrows.ts";
import { timeColumn } from "./calendar-ticks.ts";
import type { FleetState } from "./fleet-state.ts";

/** The column of when jobs came, by which rows are sorted at first. */
const SORTED_BY = "Came";

interface Column {
  readonly name: string;
  /** `index`: of the job in its fleet. */
  readonly text: (job: FleetPageJob, index: number) => string;
  /** What rows are sorted by; jobs without go last. */
  readonly key: (job: FleetPageJob, index: number) => number | string | null;
  readonly isText?: true;
}

const trainedShare = ({ trainedNs, turnaroundNs }: FleetPageJob): number | null =>
  turnaroundNs === 0 ? null : trainedNs / turnaroundNs;

type TimeOf = (job: FleetPageJob, index: number) => number | null;

/** Columns of times that are compared. */
function timesOf(jobs: readonly FleetPageJob[], columns: Readonly<Record<string, TimeOf>>): readonly Column[] {
  const all = Object.values(columns).flatMap((timeOf) => jobs.flatMap((job, index) => timeOf(job, index) ?? []));
  const text = timeColumn(all);
  return Object.entries(columns).map(([name, timeOf]) => ({
    name,
    key: timeOf,
    text: (job, index) => {
      const timeNs = timeOf(job, index);
      return timeNs === null ? "–" : text(timeNs);
    },
  }));
}

/** How long jobs took, beside that in the twin of an executed fleet. */
function turnarounds(jobs: readonly FleetPageJob[], comparison: FleetComparison | undefined): readonly Column[] {
  const own: Readonly<Record<string, TimeOf>> = {
    Turnaround: ({ turnaroundNs, outcome }) => (outcome === "refused" ? null : turnaroundNs),
    Waited: ({ waitedNs }) => waitedNs,
  };
  if (comparison === undefined) return timesOf(jobs, own);
  const { twinNs, error } = comparison;
  const [turnaround, waited, simulated] = timesOf(jobs, { ...own, Simulated: (_, job) => twinNs[job]! });
  const errors: Column = {
    name: "Error",
    text: (_, job) => (error[job] === null ? "–" : formatError(error[job]!)),
    key: (_, job) => error[job]!,
  };
  return [turnaround!, simulated!, errors, waited!];
}

/** What jobs took of devices, where that is known of some. */
function ofDevices(jobs: readonly FleetPageJob[]): readonly Column[] {
  if (jobs.every(({ spent }) => spent === undefined)) return [];
  const times = timesOf(jobs, {
    "Device time": ({ spent }) => (spent === undefined ? null : spent.deviceSeconds * 1e9),
  });
  if (jobs.every(({ spent }) => spent?.cost === undefined)) return times;
  return [
    ...times,
    { name: "Cost", text: ({ spent }) => costText(spent), key: ({ spent }) => spent?.cost?.amount ?? null },
  ];
}

function lateText({ endNs, deadlineNs }: FleetPageJob): string {
  if (endNs === null || deadlineNs === null || endNs <= deadlineNs) return "";
  return `, ${formatDuration((endNs - deadlineNs) / 1e9)} after its deadline`;
}

/** `comparison`: with the fleet's twin, where it has one. */
function columnsOf({ jobs }: FleetPart, comparison: FleetComparison | undefined): readonly Column[] {
  return [
    { name: "Job", text: ({ name }) => name, key: ({ name }) => name, isText: true },
    { name: "User", text: ({ user }) => user || "–", key: ({ user }) => user, isText: true },
    { name: "Priority", text: ({ priority }) => `${priority}`, key: ({ priority }) => priority },
    ...timesOf(jobs, {
      [SORTED_BY]: ({ arrivalNs }) => arrivalNs,
      Began: ({ startNs }) => startNs,
      Ended: ({ endNs }) => endNs,
    }),
    ...turnarounds(jobs, comparison),
    {
      name: "Training",
      text: (job) => (trainedShare(job) === null ? "–" : formatShare(trainedShare(job)!)),
      key: trainedShare,
    },
    { name: "Iterations", text: ({ done, iterations }) => `${done} of ${iterations}`, key: ({ done }) => done },
    { name: "Preempted", text: ({ preemptions }) => `${preemptions}`, key: ({ preemptions }) => preemptions },
    ...ofDevices(jobs),
    {
      name: "Outcome",
      text: (job) => (job.why === "" ? `${job.outcome}${lateText(job)}` : `${job.outcome}: ${job.why}`),
      key: ({ outcome }) => outcome,
      isText: true,
    },
  ];
}

function compare(a: number | string | null, b: number | string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return typeof a === "string" && typeof b === "string" ? a.localeCompare(b, "en") : Number(a) - Number(b);
}

/** Indices of the jobs, sorted by a column; those that have nothing there last, whichever way. */
function sorted(jobs: readonly FleetPageJob[], { key }: Column, isDown: boolean): readonly number[] {
  const sign = isDown ? -1 : 1;
  return jobs
    .map((_, job) => job)
    .sort((a, b) => {
      const [first, second] = [key(jobs[a]!, a), key(jobs[b]!, b)];
      const isBoth = first !== null && second !== null;
      return (isBoth ? sign : 1) * compare(first, second) || a - b;
    });
}

function row(fleet: FleetPart, columns: readonly Column[], job: number, state: FleetState): HTMLElement {
  const facts = fleet.jobs[job]!;
  const show = element("button", { type: "button", class: "link", title: "Show in the chart" }, [
    jobDot(facts.colour ?? job),
    facts.name,
  ]);
  show.addEventListener("click", () => state.revealed.set({ fleet, job }));
  const cells = columns
    .slice(1)
    .map(({ text, isText }) => element("td", isText ? {} : { class: "number" }, [text(facts, job)]));
  return element("tr", {}, [element("th", { scope: "row" }, [show]), ...cells]);
}

function table(fleet: FleetPart, columns: readonly Column[], state: FleetState, caption: string): HTMLElement {
  const body = element("tbody");
  const choice = createRowChoice("Job or user", () => draw());
  let [column, isDown] = [columns.findIndex(({ name }) => name === SORTED_BY), false];
  const heads = columns.map(({ name, isText }, index) => {
    const button = element("button", { type: "button", class: "sort" }, [name]);
    button.addEventListener("click", () => {
      isDown = index === column ? !isDown : !isText;
      column = index;
      draw();
    });
    return element("th", { scope: "col", ...(isText ? {} : { class: "number" }) }, [button]);
  });
  const draw = (): void => {
    heads.forEach((head, index) => {
      head.setAttribute("aria-sort", index !== column ? "none" : isDown ? "descending" : "ascending");
    });
    const rows = choice.chosen(sorted(fleet.jobs, columns[column]!, isDown), (job) => {
      const { name, user } = fleet.jobs[job]!;
      return [name, user];
    });
    body.replaceChildren(...rows.map((job) => row(fleet, columns, job, state)));
    walkedByArrows([...body.querySelectorAll("button")]);
  };
  draw();
  return element("div", { class: "panel table-panel" }, [
    choice.find,
    element("table", {}, [
      element("caption", { class: "visually-hidden" }, [caption]),
      element("thead", {}, [element("tr", {}, heads)]),
      body,
    ]),
    choice.more,
  ]);
}

/** Every job with its figures, sorted by whatever column is pressed. */
export function jobsTableSection(
  fleets: readonly FleetPart[],
  state: FleetState,
  comparison?: FleetComparison,
): HTMLElement {
  const errors = comparison === undefined ? "" : " An error is simulated / executed turnaround, less one.";
  const meaning = `A press on a heading sorts by it, and one on a job shows it in the chart; arrow keys walk over the jobs.${errors}`;
  const tables = fleets.flatMap((fleet, index) => [
    ...(fleets.length > 1 ? [element("h3", { class: "table-title" }, [fleet.title])] : []),
    table(fleet, columnsOf(fleet, index === 0 ? comparison : undefined), state, `Jobs of ${fleet.title}`),
  ]);
  return section("jobs", "Jobs", meaning, tables);
}
