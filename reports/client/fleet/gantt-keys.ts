import type { FleetPart } from "../../fleet-data.ts";
import type { TimeWindow } from "../time-window.ts";
import type { FleetState } from "./fleet-state.ts";
import { spokenText } from "./span-box.ts";
import { spanAt } from "./span-rows.ts";

/** What the keyboard walks through. */
export interface WalkedRows {
  readonly fleet: FleetPart;
  /** Jobs that have rows, in turn. */
  readonly rows: readonly number[];
  /** First span of a job's row, and one more than its last. */
  rowOf(job: number): readonly [number, number];
  select(job: number, span: number): void;
}

/** Arrows walk over jobs and what they did, + - 0 change the window, Escape lets go. */
export function bindGanttKeys(
  node: SVGElement,
  rows: WalkedRows,
  { pointed }: FleetState,
  view: TimeWindow,
  announce: (text: string) => void,
): void {
  const select = (job: number, span: number): void => {
    const { fleet } = rows;
    if (span >= 0) {
      const [start, end] = view.domain();
      const [from, to] = [fleet.spans.startNs[span]!, fleet.spans.endNs[span]!];
      const middle = (from + to) / 2;
      if (to < start || from > end) view.show(middle - (end - start) / 2, middle + (end - start) / 2);
    }
    rows.select(job, span);
    announce(spokenText({ fleet, job, span }));
  };
  const current = () => {
    const at = pointed.get();
    return at !== null && at.fleet === rows.fleet ? at : undefined;
  };
  const toRow = (wanted: number): void => {
    const job = rows.rows[Math.min(rows.rows.length - 1, Math.max(0, wanted))];
    if (job === undefined) return;
    const at = current();
    const { startNs, endNs } = rows.fleet.spans;
    const timeNs = at === undefined || at.span < 0 ? view.domain()[0] : (startNs[at.span]! + endNs[at.span]!) / 2;
    select(job, spanAt(rows.fleet.spans, rows.rowOf(job), timeNs, Number.POSITIVE_INFINITY) ?? -1);
  };
  const along = (step: number): void => {
    const at = current();
    if (at === undefined) {
      toRow(0);
      return;
    }
    const [from, to] = rows.rowOf(at.job);
    const next = at.span + step;
    if (at.span >= 0 && next >= from && next < to) select(at.job, next);
  };
  const rowBy = (step: number) => (): void => {
    const at = current();
    toRow(at === undefined ? 0 : rows.rows.indexOf(at.job) + step);
  };
  const commands: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => along(-1),
    ArrowRight: () => along(1),
    ArrowUp: rowBy(-1),
    ArrowDown: rowBy(1),
    PageUp: rowBy(-20),
    PageDown: rowBy(20),
    Home: () => toRow(0),
    End: () => toRow(rows.rows.length - 1),
    "+": () => view.zoomBy(2),
    "=": () => view.zoomBy(2),
    "-": () => view.zoomBy(0.5),
    "0": () => view.reset(),
    Escape: () => pointed.set(null),
  };
  node.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey || event.altKey ? undefined : commands[event.key];
    if (command === undefined) return;
    event.preventDefault();
    command();
  });
  node.addEventListener("blur", () => pointed.set(null));
}
