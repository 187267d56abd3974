import {
  bindTimelineKeys,
  createPageState,
  createTimeline,
  element,
  type Gutters,
  LANES,
  layoutLanes,
  type PageState,
  type ReportData,
  type TimeWindow,
  usedStreams,
} from "../../reports/client/index.ts";

/** Devices whose messages have lanes of their own; more have to fit on a screen. */
const MOST_WIDE = 10;
const COMPUTE = LANES.indexOf("compute");

/** Beside a timeline, by the window's width. */
export function timelineGutters(): Gutters {
  return window.innerWidth < 620 ? { left: 64, right: 8 } : { left: 104, right: 14 };
}

export interface RunTimeline {
  readonly state: PageState;
  readonly node: SVGElement;
  /** What is read out of it; it takes no space. */
  readonly spoken: HTMLElement;
}

/** The timeline of a simulated run in a window of time. */
export function runTimeline(data: ReportData, view: TimeWindow): RunTimeline {
  const state = createPageState(data);
  const [trace] = data.traces;
  const isDense = data.devices.length > MOST_WIDE;
  const streams = isDense ? [COMPUTE] : usedStreams(data.traces);
  const layout = layoutLanes(trace!.bars, data.devices.length, data.pipelines, streams, isDense);
  const node = createTimeline(state, 0, layout, view, timelineGutters().left);
  if (isDense) node.classList.add("is-dense");
  const spoken = element("div", { class: "visually-hidden", "aria-live": "polite" });
  bindTimelineKeys(node, state, 0, layout, view, (text) => {
    spoken.textContent = text;
  });
  return { state, node, spoken };
}
