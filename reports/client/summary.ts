import type { Interval, Intervals } from "../../traces/index.ts";
import type { ReportData, ReportTrace } from "../report-data.ts";
import { element } from "./element.ts";
import { formatDuration, formatError, formatMemory, formatNumber, formatShare } from "./format.ts";
import { factList } from "./header-parts.ts";
import { intervalMark } from "./interval-mark.ts";

/** A figure of a trace: its text, and the number that an error is computed from. */
interface Figure {
  readonly text: string;
  readonly value: number;
}

/** The interval of a prediction, as text and drawn. */
interface ExpectedFigure {
  readonly text: string;
  readonly mark: SVGElement;
}

interface CardFacts {
  readonly name: string;
  readonly main: string;
  readonly detail: string;
  /** Shown as a badge. */
  readonly error?: number;
  /** Where the figure was expected. */
  readonly expected?: ExpectedFigure | undefined;
}

/** An error beyond this is marked: the aim for workloads that the calibration did not see. */
const GOOD_ERROR = 0.05;

function card({ name, main, detail, error, expected }: CardFacts): HTMLElement {
  const badge =
    error === undefined
      ? undefined
      : element(
          "span",
          { class: Math.abs(error) > GOOD_ERROR ? "badge badge-off" : "badge", title: "error of the simulation" },
          [formatError(error)],
        );
  return element("div", { class: "card" }, [
    element("dt", {}, [name]),
    element("dd", {}, [
      element("span", { class: "card-line" }, [element("span", { class: "card-main" }, [main]), badge]),
      element("span", { class: "card-detail" }, [detail]),
      ...(expected === undefined ? [] : [element("span", { class: "card-expected" }, [expected.text]), expected.mark]),
    ]),
  ]);
}

type IntervalOf = (intervals: Intervals) => Interval | null;

interface CardOptions {
  readonly error?: number | undefined;
  /** Which interval belongs to the figure, and how its ends are written. */
  readonly intervalOf?: IntervalOf;
  readonly format?: (value: number) => string;
}

/** The interval of the trace's figure; `executed` is marked in it. */
function expectedFigure(
  { intervals }: ReportTrace,
  pick: IntervalOf,
  format: (value: number) => string,
  predicted: number,
  executed: number | undefined,
): ExpectedFigure | undefined {
  const interval = intervals && pick(intervals);
  if (intervals === null || interval === null) return undefined;
  const verdict =
    executed === undefined ? "" : interval[0] <= executed && executed <= interval[1] ? ", inside" : ", outside";
  return {
    text: `${(100 * intervals.level).toFixed(0)} % of runs: ${format(interval[0])} to ${format(interval[1])}${verdict}`,
    mark: intervalMark(interval, predicted, executed),
  };
}

/** A figure of the last trace in large, with the other trace's in small below it. */
function figureCard(
  data: ReportData,
  name: string,
  figureOf: (trace: ReportTrace) => Figure,
  { error, intervalOf, format }: CardOptions = {},
): HTMLElement {
  const [first, second] = data.traces;
  const executed = second === undefined ? undefined : figureOf(second).value;
  const expected = intervalOf && format && expectedFigure(first!, intervalOf, format, figureOf(first!).value, executed);
  if (second === undefined) return card({ name, main: figureOf(first!).text, detail: first!.source, expected });
  const [simulated, shown] = [figureOf(first!), figureOf(second)];
  return card({
    name,
    main: shown.text,
    detail: `simulated ${simulated.text}`,
    expected,
    ...(error === undefined ? {} : { error }),
  });
}

const relative = (simulated: number, executed: number): number | undefined =>
  executed === 0 ? undefined : (simulated - executed) / executed;

function peakMemory({ devices }: ReportTrace): Figure {
  const value = Math.max(...devices.map(({ peakMemoryBytes }) => peakMemoryBytes));
  return { value, text: formatMemory(value) };
}

function cards(data: ReportData): readonly HTMLElement[] {
  const { comparison } = data;
  const [first, second] = data.traces;
  const errorOf = (figureOf: (trace: ReportTrace) => Figure): number | undefined =>
    second === undefined ? undefined : relative(figureOf(first!).value, figureOf(second).value);
  const makespan = ({ makespanSeconds }: ReportTrace): Figure => ({
    value: makespanSeconds,
    text: formatDuration(makespanSeconds),
  });
  const rate = ({ tokensPerSecond }: ReportTrace): Figure => ({
    value: tokensPerSecond,
    text: formatNumber(tokensPerSecond),
  });
  const isSteady = data.traces.every(({ bubbleRatio }) => bubbleRatio !== null);
  const bubble = ({ bubbleRatio, bubbleRatioTotal }: ReportTrace): Figure => {
    const value = isSteady ? bubbleRatio! : bubbleRatioTotal;
    return { value, text: formatShare(value) };
  };
  const made = [
    figureCard(data, "Makespan", makespan, {
      error: comparison?.makespanError ?? errorOf(makespan),
      intervalOf: ({ makespanSeconds }) => makespanSeconds,
      format: formatDuration,
    }),
    figureCard(data, "Tokens per second", rate, {
      error: errorOf(rate),
      intervalOf: ({ tokensPerSecond }) => tokensPerSecond,
      format: formatNumber,
    }),
    figureCard(data, isSteady ? "Bubble, steady region" : "Bubble, whole run", bubble, {
      intervalOf: ({ bubbleRatio, bubbleRatioTotal }) => (isSteady ? bubbleRatio : bubbleRatioTotal),
      format: formatShare,
    }),
    figureCard(data, "Peak memory of a device", peakMemory, { error: errorOf(peakMemory) }),
  ];
  if (comparison !== null) {
    const { meanAbsActionError, weightedActionError } = comparison;
    const detail = `${formatShare(weightedActionError)} weighted by time`;
    made.splice(3, 0, card({ name: "Mean action error", main: formatShare(meanAbsActionError), detail }));
  }
  return made;
}

/** What of the makespan's error is the machine's. */
function machineNote({ machine }: ReportData): readonly HTMLElement[] {
  if (machine === null) return [];
  const { makespanSeconds, makespanError, lines } = machine;
  return [
    element("p", { class: "machine" }, [
      `With the machine's speed taken out: simulated ${formatDuration(makespanSeconds)}, ${formatError(makespanError)}. `,
      `${lines.join("; ")}.`,
    ]),
  ];
}

/** The header: what was run, and the key figures. */
export function summaryHeader(data: ReportData, contents: HTMLElement): HTMLElement {
  const kind = data.traces.length === 2 ? "simulated and executed" : data.traces[0]!.source;
  return element("header", {}, [
    element("p", { class: "eyebrow" }, [`loratwin report, ${kind}`]),
    element("h1", {}, [data.title]),
    factList(data.facts.map(({ label, value }) => [label, value])),
    contents,
    element("dl", { class: "cards" }, cards(data)),
    ...machineNote(data),
  ]);
}
