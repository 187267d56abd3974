import { type ActionIndex, LANES, LETTERS, type ReportData, type ReportTrace } from "../report-data.ts";
import { createObservable, type Observable } from "./observable.ts";

const COMPUTE = LANES.indexOf("compute");

/** What the reader points at: an action, and where on the page (client coordinates) its tooltip belongs. */
export interface Hover {
  readonly action: ActionIndex;
  readonly x: number;
  readonly y: number;
  /** Where the box leaves what matters in sight. */
  readonly side: "above" | "below";
}

/** What the sections of the page share. */
export interface PageState {
  readonly data: ReportData;
  readonly hover: Observable<Hover | null>;
  /** Job whose bars stand out; null shows all alike. */
  readonly highlightedJob: Observable<number | null>;
  /** Whether timelines show critical paths. */
  readonly isPathShown: Observable<boolean>;
  /** The action to bring into view in the timelines; set by `reveal`. */
  readonly revealed: Observable<ActionIndex | null>;
  /** The compute bar of an action in a trace; undefined where the trace lacks it. */
  computeBar(trace: number, action: ActionIndex): number | undefined;
  /** simulated / executed - 1 of the compute time; undefined without two traces or a duration. */
  errorOf(action: ActionIndex): number | undefined;
}

function computeBars({ bars }: ReportTrace): ReadonlyMap<ActionIndex, number> {
  const table = new Map<ActionIndex, number>();
  bars.action.forEach((action, bar) => {
    if (bars.stream[bar] === COMPUTE) table.set(action, bar);
  });
  return table;
}

export function createPageState(data: ReportData): PageState {
  const tables = data.traces.map(computeBars);
  const computeBar = (trace: number, action: ActionIndex): number | undefined => tables[trace]?.get(action);
  const durationOf = (trace: number, action: ActionIndex): number | undefined => {
    const bar = computeBar(trace, action);
    return bar === undefined ? undefined : data.traces[trace]!.bars.durationNs[bar];
  };
  return {
    data,
    hover: createObservable<Hover | null>(null),
    highlightedJob: createObservable<number | null>(null),
    isPathShown: createObservable(false),
    revealed: createObservable<ActionIndex | null>(null),
    computeBar,
    errorOf(action) {
      const [simulated, executed] = [durationOf(0, action), durationOf(1, action)];
      if (simulated === undefined || executed === undefined || executed === 0) return undefined;
      return simulated / executed - 1;
    },
  };
}

/** A device's name, with its pipeline where there are several. */
export function deviceLabel({ devices, pipelines }: ReportData, device: number): string {
  const pipeline = pipelines.findIndex((own) => own.includes(device));
  return pipeline < 0 ? devices[device]! : `${devices[device]} (pipeline ${pipeline})`;
}

/** F, B or U of an action. */
export function letterOf(data: ReportData, action: ActionIndex): (typeof LETTERS)[number] {
  return LETTERS[data.actions.letter[action]!]!;
}

/** Job indices of an action. */
export function jobsOf(data: ReportData, action: ActionIndex): readonly number[] {
  return data.jobSets[data.actions.jobSet[action]!]!;
}

/** Brings an action into view in the timelines, also when it was the last one asked for. */
export function reveal(state: PageState, action: ActionIndex): void {
  state.revealed.set(null);
  state.revealed.set(action);
}
