import { LANES } from "../report-data.ts";
import { deviceLabel, type PageState } from "./page-state.ts";
import type { TimeWindow } from "./time-window.ts";
import { tooltipSide } from "./timeline.ts";
import { barAt, type Lane, type LaneLayout } from "./timeline-lanes.ts";

/** The keyboard's way through a timeline: arrows walk over actions, + - 0 change the window, Escape lets go. */
export function bindTimelineKeys(
  node: SVGElement,
  state: PageState,
  traceIndex: number,
  layout: LaneLayout,
  view: TimeWindow,
  announce: (text: string) => void,
): void {
  const { bars } = state.data.traces[traceIndex]!;
  const lanes = layout.lanes.filter(({ stream }) => LANES[stream] === "compute");
  const middleOf = (bar: number): number => bars.startNs[bar]! + bars.durationNs[bar]! / 2;

  const select = (bar: number, lane: Lane): void => {
    const [start, end] = view.domain();
    const middle = middleOf(bar);
    if (middle < start || middle > end) view.show(middle - (end - start) / 2, middle + (end - start) / 2);
    const box = node.getBoundingClientRect();
    const action = bars.action[bar]!;
    state.hover.set({
      action,
      x: box.left + view.scale()(middle),
      y: box.top + lane.top + lane.height,
      side: tooltipSide(state, traceIndex),
    });
    const { actions } = state.data;
    announce(`${actions.key[action]} on ${deviceLabel(state.data, lane.device)}`);
  };
  const walk = (along: number, across: number): void => {
    const hovered = state.hover.get();
    const current = hovered ? state.computeBar(traceIndex, hovered.action) : undefined;
    const row = lanes.findIndex(({ device }) => current !== undefined && device === bars.device[current]);
    const lane = lanes[Math.min(lanes.length - 1, Math.max(0, row + (row < 0 ? 1 : across)))]!;
    const [start, end] = view.domain();
    if (current === undefined || across !== 0) {
      const near = barAt(bars, lane, current === undefined ? start : middleOf(current), end - start);
      if (near !== undefined) select(near, lane);
      return;
    }
    const next = lane.bars[lane.bars.indexOf(current) + along];
    if (next !== undefined) select(next, lane);
  };
  const commands: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => walk(-1, 0),
    ArrowRight: () => walk(1, 0),
    ArrowUp: () => walk(0, -1),
    ArrowDown: () => walk(0, 1),
    "+": () => view.zoomBy(2),
    "=": () => view.zoomBy(2),
    "-": () => view.zoomBy(0.5),
    "0": () => view.reset(),
    Escape: () => state.hover.set(null),
  };
  node.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey || event.altKey ? undefined : commands[event.key];
    if (command === undefined) return;
    event.preventDefault();
    command();
  });
  node.addEventListener("blur", () => state.hover.set(null));
}
