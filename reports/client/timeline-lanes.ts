// Where bars lie, without the DOM.
import { type BarTable, LANES, type ReportTrace } from "../report-data.ts";

/** One row of a timeline: a stream of a device. */
export interface Lane {
  readonly device: number;
  /** Index into LANES. */
  readonly stream: number;
  /** Pixels from the timeline's top. */
  readonly top: number;
  readonly height: number;
  /** Bars of the lane, in order of start; they do not overlap. */
  readonly bars: readonly number[];
}

/** A name above the devices of one of several pipelines. */
export interface PipelineHeading {
  readonly pipeline: number;
  /** Pixels from the timeline's top to the middle of the name. */
  readonly middle: number;
}

export interface LaneLayout {
  readonly lanes: readonly Lane[];
  /** None in a run of one pipeline. */
  readonly headings: readonly PipelineHeading[];
  readonly height: number;
}

/** Pixels. Messages are context, so their lanes are thin. */
const COMPUTE_HEIGHT = 38;
const THIN_HEIGHT = 8;
const LANE_GAP = 3;
const DEVICE_GAP = 18;
const TOP = 6;
const HEADING_HEIGHT = 24;
/** Of many devices: all of them on a screen, with names above a few pipelines alone. */
const DENSE_HEIGHT = 480;
const LEAST_HEIGHT = 9;
const DENSE_HEADING_HEIGHT = 16;
const MOST_HEADINGS = 8;

/** Streams that any of the traces uses, so that both timelines have the same rows. */
export function usedStreams(traces: readonly ReportTrace[]): readonly number[] {
  const used = new Set(traces.flatMap(({ bars }) => bars.stream));
  return LANES.map((_, stream) => stream).filter((stream) => used.has(stream) || LANES[stream] === "compute");
}

/**
 * A device below another, its streams in the order of LANES; with several pipelines, each pipeline's devices under its
 * name. `isDense`: all devices on one screen, however many there are.
 */
export function layoutLanes(
  bars: BarTable,
  numDevices: number,
  pipelines: readonly (readonly number[])[],
  streams: readonly number[],
  isDense = false,
): LaneLayout {
  const table = Array.from({ length: numDevices * LANES.length }, (): number[] => []);
  bars.device.forEach((device, bar) => {
    table[device * LANES.length + bars.stream[bar]!]!.push(bar);
  });
  const lanes: Lane[] = [];
  const headings: PipelineHeading[] = [];
  let top = TOP;
  const computeHeight = isDense
    ? Math.max(LEAST_HEIGHT, Math.min(COMPUTE_HEIGHT, Math.floor(DENSE_HEIGHT / numDevices) - LANE_GAP))
    : COMPUTE_HEIGHT;
  const deviceGap = isDense ? LANE_GAP : DEVICE_GAP;
  const headingHeight = isDense ? DENSE_HEADING_HEIGHT : HEADING_HEIGHT;
  const addDevice = (device: number): void => {
    for (const stream of streams) {
      const height = LANES[stream] === "compute" ? computeHeight : THIN_HEIGHT;
      lanes.push({ device, stream, top, height, bars: table[device * LANES.length + stream]! });
      top += height + LANE_GAP;
    }
    top += deviceGap - LANE_GAP;
  };
  pipelines.forEach((devices, pipeline) => {
    if (isDense && pipelines.length > MOST_HEADINGS) top += LANE_GAP;
    else {
      headings.push({ pipeline, middle: top + headingHeight / 2 - LANE_GAP });
      top += headingHeight;
    }
    devices.forEach(addDevice);
  });
  const isPlaced = new Set(pipelines.flat());
  for (let device = 0; device < numDevices; device += 1) if (!isPlaced.has(device)) addDevice(device);
  return { lanes, headings, height: top - deviceGap + TOP };
}

const endOf = (bars: BarTable, bar: number): number => bars.startNs[bar]! + bars.durationNs[bar]!;

/** When the last of all bars ends; 0 without bars. */
export function lastEnd(bars: BarTable): number {
  return bars.startNs.reduce((last, _, bar) => Math.max(last, endOf(bars, bar)), 0);
}

/** Position in the lane of the first bar that ends at or after the time. */
function firstEndingFrom(bars: BarTable, lane: Lane, timeNs: number): number {
  let [low, high] = [0, lane.bars.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endOf(bars, lane.bars[middle]!) < timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The lane's bars that reach into the window. */
export function barsInWindow(bars: BarTable, lane: Lane, startNs: number, endNs: number): readonly number[] {
  const found: number[] = [];
  for (let i = firstEndingFrom(bars, lane, startNs); i < lane.bars.length; i += 1) {
    const bar = lane.bars[i]!;
    if (bars.startNs[bar]! > endNs) break;
    found.push(bar);
  }
  return found;
}

/** Of bars whose ends fall into the same column of `columnNs`, the longest: what is left can be seen. */
export function longestPerColumn(bars: BarTable, candidates: readonly number[], columnNs: number): readonly number[] {
  const kept: number[] = [];
  let column = -1;
  for (const bar of candidates) {
    const own = Math.floor(endOf(bars, bar) / columnNs);
    const last = kept.length - 1;
    if (own !== column) kept.push(bar);
    else if (bars.durationNs[bar]! > bars.durationNs[kept[last]!]!) kept[last] = bar;
    column = own;
  }
  return kept;
}

/** The lane's bar at a time, or the nearest within `toleranceNs`. */
export function barAt(bars: BarTable, lane: Lane, timeNs: number, toleranceNs: number): number | undefined {
  const after = firstEndingFrom(bars, lane, timeNs);
  const distance = (bar: number): number => Math.max(bars.startNs[bar]! - timeNs, timeNs - endOf(bars, bar), 0);
  const [best] = [lane.bars[after], lane.bars[after - 1]]
    .filter((bar) => bar !== undefined)
    .sort((a, b) => distance(a) - distance(b));
  return best !== undefined && distance(best) <= toleranceNs ? best : undefined;
}
