import type { ReportTrace } from "../report-data.ts";
import { element, section } from "./element.ts";
import { formatShare } from "./format.ts";
import { deviceLabel, type PageState } from "./page-state.ts";

/** One bar: what part of the time the compute streams were busy. */
function shareBar(source: ReportTrace["source"], busy: number): HTMLElement {
  return element("div", { class: "share-row" }, [
    element("span", { class: "share-source" }, [source]),
    element(
      "div",
      { class: `share share-${source}`, role: "img", "aria-label": `${source}: busy ${formatShare(busy)}` },
      [element("div", { class: "share-busy", style: `width: ${(busy * 100).toFixed(3)}%` })],
    ),
    element("span", { class: "share-value" }, [formatShare(1 - busy)]),
  ]);
}

function group(
  name: string,
  traces: readonly ReportTrace[],
  idleOf: (trace: ReportTrace) => number | null,
): HTMLElement | undefined {
  const bars = traces.flatMap((trace) => {
    const idle = idleOf(trace);
    return idle === null ? [] : [shareBar(trace.source, 1 - idle)];
  });
  return bars.length === 0 ? undefined : element("div", { class: "share-group" }, [element("h3", {}, [name]), ...bars]);
}

/** Busy and idle time of the compute streams, for each device and over all. */
export function bubblesSection({ data }: PageState): HTMLElement {
  const { traces } = data;
  const devices = data.devices.map((_, device) =>
    group(deviceLabel(data, device), traces, ({ devices: all }) => {
      const { busySeconds, idleSeconds } = all[device]!;
      const total = busySeconds + idleSeconds;
      return total === 0 ? 0 : idleSeconds / total;
    }),
  );
  const groups = [
    group("All devices, steady region", traces, ({ bubbleRatio }) => bubbleRatio),
    group("All devices, whole run", traces, ({ bubbleRatioTotal }) => bubbleRatioTotal),
    ...devices,
  ];
  const meaning =
    "A bubble is time in which a device computes nothing: the hatched end of a bar, and its share as the number. The steady region leaves out the filling and draining of the pipeline.";
  return section("bubbles", "Bubbles", meaning, [
    element(
      "div",
      { class: "panel share-grid" },
      groups.filter((one) => one !== undefined),
    ),
  ]);
}
