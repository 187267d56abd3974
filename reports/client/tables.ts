import type { ReportComparison } from "../report-data.ts";
import { type Cell, dataTable } from "./data-table.ts";
import { element, section } from "./element.ts";
import { costText, durationColumn, formatError, formatNumber, formatShare, memoryColumn } from "./format.ts";
import { jobHue } from "./job-colours.ts";
import { type PageState, reveal } from "./page-state.ts";

const LETTER_NAMES = { F: "forward", B: "backward", U: "update", E: "evaluation" } as const;

function table(
  caption: string,
  meaning: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  texts: readonly string[] = [],
): HTMLElement {
  return dataTable({ caption, meaning, columns, rows, texts });
}

function kindTable({ perKind }: ReportComparison): HTMLElement {
  const rows = (["F", "B", "U", "E"] as const).flatMap((letter) => {
    const errors = perKind[letter];
    if (errors === undefined || errors.count === 0) return [];
    const { count, meanAbsError, weightedError, bias } = errors;
    return [
      [
        `${letter} ${LETTER_NAMES[letter]}`,
        formatNumber(count),
        formatShare(meanAbsError),
        formatShare(weightedError),
        formatError(bias),
      ],
    ];
  });
  const meaning =
    "Mean of the absolute errors, each action alike; all differences over all executed time; and the bias, simulated over executed time in total, which a better calibration can remove.";
  return table("Errors by kind of action", meaning, ["Kind", "Actions", "Mean error", "Weighted", "Bias"], rows);
}

function memoryTable({ data }: PageState, { peakMemoryError }: ReportComparison): HTMLElement {
  const peaks = data.devices.map((_, device) => [
    data.plannedPeakBytes[device],
    ...data.traces.map(({ devices }) => devices[device]!.peakMemoryBytes),
  ]);
  const text = memoryColumn(peaks.flat().filter((bytes) => bytes !== undefined));
  const rows = data.devices.map((name, device) => [
    name,
    ...peaks[device]!.map((bytes) => (bytes === undefined ? "–" : text(bytes))),
    peakMemoryError[device] === undefined ? "–" : formatError(peakMemoryError[device]!),
  ]);
  const meaning = "The most bytes in use at any time; a plan must never promise less than is used.";
  return table("Peak memory", meaning, ["Device", "Planned", "Simulated", "Executed", "Error"], rows);
}

function worstTable(state: PageState, { worst }: ReportComparison): HTMLElement {
  const text = durationColumn(
    worst.flatMap(({ simulatedSeconds, executedSeconds }) => [simulatedSeconds, executedSeconds]),
  );
  const rows = worst.map(({ action, device, jobs, simulatedSeconds, executedSeconds, error }) => {
    const index = state.data.actions.key.indexOf(action);
    const button = element("button", { type: "button", class: "link", title: "Show it in the timelines" }, [action]);
    button.addEventListener("click", () => reveal(state, index));
    return [button, device, jobs.join(", "), text(simulatedSeconds), text(executedSeconds), formatError(error)];
  });
  const meaning =
    "Where simulated and executed time differ most in seconds; a press on an action shows it in the timelines.";
  return table("Worst actions", meaning, ["Action", "Device", "Jobs", "Simulated", "Executed", "Error"], rows, [
    "Device",
    "Jobs",
  ]);
}

/** A dash for a job without steps; what is not finite is said to be no number. */
function lossText(loss: number | null | undefined): string {
  if (loss === undefined) return "–";
  return loss === null ? "not finite" : loss.toFixed(3);
}

function jobTable({ data }: PageState): HTMLElement {
  const [first, second] = data.traces;
  const hasCosts = data.traces.some(({ jobs }) => jobs.some(({ cost }) => cost !== undefined));
  const times = data.traces.flatMap(({ jobs }) => jobs);
  const endText = durationColumn(times.map(({ endSeconds }) => endSeconds));
  const deviceText = durationColumn(times.map(({ deviceSeconds }) => deviceSeconds));
  const rows = data.jobs.map(({ name, adapter }, job): readonly Cell[] => {
    const timesIn = (trace: typeof first) => trace?.jobs.find((one) => one.name === name);
    const last = timesIn(second ?? first);
    const label = element("span", { class: "key" }, [
      element("span", { class: "swatch", style: `background: ${jobHue(job)}` }),
      name,
    ]);
    const end = (own: ReturnType<typeof timesIn>): string => (own === undefined ? "–" : endText(own.endSeconds));
    const curve = data.losses.find((one) => one.job === job);
    return [
      label,
      adapter || "–",
      last ? formatNumber(last.steps) : "–",
      last ? formatNumber(last.tokens) : "–",
      end(timesIn(first)),
      ...(second === undefined ? [] : [end(timesIn(second))]),
      last ? deviceText(last.deviceSeconds) : "–",
      ...(hasCosts ? [costText(last)] : []),
      ...(data.losses.length === 0 ? [] : [lossText(curve?.loss[0]), lossText(curve?.loss.at(-1))]),
    ];
  });
  const ends = second === undefined ? ["End"] : ["Simulated end", "Executed end"];
  const columns = [
    "Job",
    "Adapter",
    "Steps",
    "Tokens",
    ...ends,
    "Device time",
    ...(hasCosts ? ["Cost"] : []),
    ...(data.losses.length === 0 ? [] : ["First loss", "Last loss"]),
  ];
  const meaning =
    "An end is the time from the start of the run to the job's last update. Device time is what devices worked for the job; a micro-batch that jobs share is divided by their tokens.";
  const find = { what: "Job", names: data.jobs.map(({ name }) => name) };
  return dataTable({ caption: "Jobs", meaning, columns, rows, texts: ["Adapter"], find });
}

/** Everything that is better read than seen. */
export function tablesSection(state: PageState): HTMLElement {
  const { comparison, traces } = state.data;
  const isPair = comparison !== null && traces.length === 2;
  const compared = isPair
    ? [
        element("div", { class: "table-pair" }, [kindTable(comparison), memoryTable(state, comparison)]),
        worstTable(state, comparison),
      ]
    : [];
  const meaning = isPair
    ? "Errors are simulated / executed \u2212 1, so a positive one means that the simulation said more than came."
    : "What each job did.";
  return section("tables", "Numbers", meaning, [...compared, jobTable(state)]);
}
