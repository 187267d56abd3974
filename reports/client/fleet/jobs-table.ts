import type { FleetComparison, FleetPageJob, FleetPart } from "../../fleet-data.ts";
import { element, section } from "../element.ts";
import { costText, formatShare } from "../format.ts";
import { durationText, instantText } from "./calendar-ticks.ts";
import type { FleetState } from "./fleet-state.ts";

/** Rows that are there from the start, and that a press on the button adds. */
const ROWS = 100;

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

const COLUMNS: readonly Column[] = [
  { name: "Job", text: ({ name }) => name, key: ({ name }) => name, isText: true },
  { name: "User", text: ({ user }) => user || "–", key: ({ user }) => user, isText: true },
  { name: "Priority", text: ({ priority }) => `${priority}`, key: ({ priority }) => priority },
  { name: "Came", text: ({ arrivalNs }) => instantText(arrivalNs), key: ({ arrivalNs }) => arrivalNs },
  {
    name: "Began",
    text: ({ startNs }) => (startNs === null ? "–" : instantText(startNs)),
    key: ({ startNs }) => startNs,
  },
  { name: "Ended", text: ({ endNs }) => (endNs === null ? "–" : instantText(endNs)), key: ({ endNs }) => endNs },
  {
    name: "Turnaround",
    text: ({ turnaroundNs, outcome }) => (outcome === "refused" ? "–" : durationText(turnaroundNs)),
    key: ({ turnaroundNs, outcome }) => (outcome === "refused" ? null : turnaroundNs),
  },
  { name: "Waited", text: ({ waitedNs }) => durationText(waitedNs), key: ({ waitedNs }) => waitedNs },
  {
    name: "Training",
    text: (job) => (trainedShare(job) === null ? "–" : formatShare(trainedShare(job)!)),
    key: trainedShare,
  },
  { name: "Iterations", text: ({ done, iterations }) => `${done} of ${iterations}`, key: ({ done }) => done },
  { name: "Preempted", text: ({ preemptions }) => `${preemptions}`, key: ({ preemptions }) => preemptions },
  {
    name: "Outcome",
    text: ({ outcome, why }) => (why === "" ? outcome : `${outcome}: ${why}`),
    key: ({ outcome }) => outcome,
    isText: true,
  },
];

const OF_DEVICES: readonly Column[] = [
  {
    name: "Device time",
    text: ({ spent }) => (spent === undefined ? "–" : durationText(spent.deviceSeconds * 1e9)),
    key: ({ spent }) => spent?.deviceSeconds ?? null,
  },
  {
    name: "Cost",
    text: ({ spent }) => costText(spent),
    key: ({ spent }) => spent?.cost?.amount ?? null,
  },
];

/** What jobs took of devices, where that is known of some. */
function ofDevices({ jobs }: FleetPart): readonly Column[] {
  if (jobs.some(({ spent }) => spent?.cost !== undefined)) return OF_DEVICES;
  return jobs.some(({ spent }) => spent !== undefined) ? OF_DEVICES.slice(0, 1) : [];
}

/** "+1.4 %" */
function errorText(error: number): string {
  return `${error > 0 ? "+" : ""}${(100 * error).toFixed(1)} %`;
}

/** With the turnaround in the twin behind that of an executed fleet. */
function withTwin({ twinNs, error }: FleetComparison): readonly Column[] {
  const own: readonly Column[] = [
    {
      name: "Simulated",
      text: (_, job) => (twinNs[job] === null ? "–" : durationText(twinNs[job]!)),
      key: (_, job) => twinNs[job]!,
    },
    {
      name: "Error",
      text: (_, job) => (error[job] === null ? "–" : errorText(error[job]!)),
      key: (_, job) => error[job]!,
    },
  ];
  const behind = COLUMNS.findIndex(({ name }) => name === "Turnaround") + 1;
  return [...COLUMNS.slice(0, behind), ...own, ...COLUMNS.slice(behind)];
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
  const show = element("button", { type: "button", class: "link", title: "Show in the chart" }, [facts.name]);
  show.addEventListener("click", () => state.revealed.set({ fleet, job }));
  const cells = columns
    .slice(1)
    .map(({ text, isText }) => element("td", isText ? {} : { class: "number" }, [text(facts, job)]));
  return element("tr", {}, [element("th", { scope: "row" }, [show]), ...cells]);
}

function table(fleet: FleetPart, columns: readonly Column[], state: FleetState, caption: string): HTMLElement {
  const body = element("tbody");
  const more = element("button", { type: "button" });
  const find = element("input", {
    type: "search",
    placeholder: "Job or user",
    "aria-label": "Find jobs by name or user",
  });
  let [column, isDown, shown] = [3, false, ROWS];
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
    const wanted = find.value.trim().toLowerCase();
    const rows = sorted(fleet.jobs, columns[column]!, isDown).filter((job) => {
      const { name, user } = fleet.jobs[job]!;
      return wanted === "" || name.toLowerCase().includes(wanted) || user.toLowerCase().includes(wanted);
    });
    heads.forEach((head, index) => {
      head.setAttribute("aria-sort", index !== column ? "none" : isDown ? "descending" : "ascending");
    });
    body.replaceChildren(...rows.slice(0, shown).map((job) => row(fleet, columns, job, state)));
    more.hidden = rows.length <= shown;
    more.textContent = `Show more (${Math.min(shown, rows.length)} of ${rows.length})`;
  };
  more.addEventListener("click", () => {
    shown += ROWS;
    draw();
  });
  find.addEventListener("input", draw);
  draw();
  return element("div", { class: "panel table-panel" }, [
    ...(fleet.jobs.length > 12 ? [element("div", { class: "toolbar" }, [find])] : []),
    element("table", {}, [
      element("caption", { class: "visually-hidden" }, [caption]),
      element("thead", {}, [element("tr", {}, heads)]),
      body,
    ]),
    more,
  ]);
}

/** Every job with its figures, sorted by whatever column is pressed. */
export function jobsTableSection(
  fleets: readonly FleetPart[],
  state: FleetState,
  comparison?: FleetComparison,
): HTMLElement {
  const errors = comparison === undefined ? "" : " An error is simulated / executed turnaround, less one.";
  const meaning = `A press on a heading sorts by it, and one on a job shows it in the chart.${errors}`;
  const columnsOf = (fleet: FleetPart): readonly Column[] => [
    ...(comparison === undefined || fleet !== fleets[0] ? COLUMNS : withTwin(comparison)).slice(0, -1),
    ...ofDevices(fleet),
    COLUMNS.at(-1)!,
  ];
  const tables = fleets.flatMap((fleet) => [
    ...(fleets.length > 1 ? [element("h3", { class: "table-title" }, [fleet.title])] : []),
    table(fleet, columnsOf(fleet), state, `Jobs of ${fleet.title}`),
  ]);
  return section("jobs", "Jobs", meaning, tables);
}
