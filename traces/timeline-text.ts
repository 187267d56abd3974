import { maximum } from "../core/index.ts";
import type { ActionLetter } from "../plan/index.ts";
import { computeEvents } from "./totals.ts";
import type { Trace, TraceEvent } from "./trace.ts";

export interface TimelineOptions {
  /** The length of one time unit; default 1. */
  readonly unitSeconds?: number;
  /** Which actions to show; default forwards, backwards and evaluations. */
  readonly letters?: readonly ActionLetter[];
  /** Names of all jobs in plan order, which numbers them; default: the order that jobNumbers reads from the trace. */
  readonly jobs?: readonly string[];
  /** Only what starts before this time, in units; default everything. */
  readonly untilUnits?: number;
}

/**
 * Numbers jobs from 1 as a plan that deals them to groups in turn does: the first job of each group in the order in
 * which groups first go forward, then the second of each, and so on.
 */
function jobNumbers(actions: readonly TraceEvent[], names: readonly string[] | undefined): ReadonlyMap<string, number> {
  if (names !== undefined) return new Map(names.map((name, i) => [name, i + 1]));
  const places = new Map<string, number>();
  for (const { jobs } of actions)
    for (const [place, name] of jobs.entries()) if (!places.has(name)) places.set(name, place);
  return new Map([...places].sort(([, a], [, b]) => a - b).map(([name], i) => [name, i + 1]));
}

/**
 * Names one action: `F2` by job or (with one job) by part, `F21` by job and part, `F(1,5)` for jobs fused in one
 * micro-batch.
 */
function labeler(actions: readonly TraceEvent[], names: readonly string[] | undefined): (event: TraceEvent) => string {
  const forwards = actions.filter(({ letter }) => letter === "F").sort((a, b) => a.startNs - b.startNs);
  const numbers = jobNumbers(forwards, names);
  const lastPart = maximum(actions.map(({ part }) => part));
  const byPart = lastPart > 0;
  const single = new Set(forwards.flatMap(({ jobs }) => jobs)).size === 1;
  const separator = byPart && (lastPart >= 9 || numbers.size > 9) ? "." : "";
  return ({ letter, jobs, part }) => {
    const partText = byPart && letter !== "U" ? String(part + 1) : "";
    if (single && partText !== "") return `${letter}${partText}`;
    const indices = jobs.map((name) => numbers.get(name) ?? 0);
    if (indices.length > 1) return `${letter}(${indices.join(",")})${partText}`;
    return `${letter}${indices.join("")}${partText === "" ? "" : `${separator}${partText}`}`;
  };
}

interface Timeline {
  readonly unitNs: number;
  /** By device, in order of time. */
  readonly rows: readonly (readonly { readonly label: string; readonly event: TraceEvent }[])[];
}

function timeline(trace: Trace, options: TimelineOptions): Timeline {
  const { unitSeconds = 1, letters = ["F", "B", "E"], jobs, untilUnits = Number.POSITIVE_INFINITY } = options;
  const unitNs = unitSeconds * 1e9;
  const actions = computeEvents(trace);
  const label = labeler(actions, jobs);
  const rows = trace.devices.map((): { label: string; event: TraceEvent }[] => []);
  for (const event of actions) {
    if (letters.includes(event.letter) && event.startNs < untilUnits * unitNs)
      rows[event.device]!.push({ label: label(event), event });
  }
  return { unitNs, rows };
}

/** At most three decimals, none where it is whole. */
function units(timeNs: number, unitNs: number): string {
  return String(Number((timeNs / unitNs).toFixed(3)));
}

/** One line a device, in the style of the paper's Fig. 4: `d0  F1@0 F2@1 B1@10`; starts in units of time. */
export function timelineText(trace: Trace, options: TimelineOptions = {}): string {
  const { unitNs, rows } = timeline(trace, options);
  const width = `d${rows.length - 1}`.length;
  return rows
    .map((row, device) =>
      [`d${device}`.padEnd(width), row.map(({ label, event }) => `${label}@${units(event.startNs, unitNs)}`).join(" ")]
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/**
 * A grid of time units: a column a unit, a row a device, each cell what runs at the unit's middle, `.` where nothing
 * does.
 */
export function gridText(trace: Trace, options: TimelineOptions = {}): string {
  const { unitNs, rows } = timeline(trace, options);
  const endNs = maximum([0, ...rows.flatMap((row) => row.map(({ event }) => event.startNs + event.durationNs))]);
  const numColumns = Math.min(Math.ceil(endNs / unitNs), options.untilUnits ?? Number.POSITIVE_INFINITY);
  const cells = rows.map((row) => {
    const line = Array.from({ length: numColumns }, () => ".");
    for (const { label, event } of row) {
      const first = Math.ceil(event.startNs / unitNs - 0.5);
      for (
        let column = first;
        (column + 0.5) * unitNs < event.startNs + event.durationNs && column < numColumns;
        column += 1
      )
        line[column] = label;
    }
    return line;
  });
  const header = Array.from({ length: numColumns }, (_, column) => String(column));
  const width = maximum([header, ...cells].flat().map((text) => text.length));
  const side = `d${rows.length - 1}`.length;
  return [header, ...cells]
    .map((line, i) =>
      [i === 0 ? "t".padEnd(side) : `d${i - 1}`.padEnd(side), line.map((text) => text.padEnd(width)).join(" ")]
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
