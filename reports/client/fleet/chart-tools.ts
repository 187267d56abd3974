// What stands around the charts of jobs over time: axis, toolbar, legend.
import { type FleetPart, SPAN_KINDS } from "../../fleet-data.ts";
import { element } from "../element.ts";
import { jobHue } from "../job-colours.ts";
import { createTimeAxis, tickCount } from "../time-axis.ts";
import { timeToolbar } from "../time-toolbar.ts";
import type { Gutters, TimeWindow } from "../time-window.ts";
import { calendarTicks, instantText } from "./calendar-ticks.ts";

const LEGEND: readonly (readonly [kind: string, text: string])[] = [
  ["training", "training"],
  ["leaving", "leaving after its iteration"],
  ["waiting", "waiting"],
  ["preempted", "preempted"],
  ["paused", "paused"],
];
const MARKS: readonly (readonly [outcome: string, mark: string])[] = [
  ["stopped", "■"],
  ["refused", "✕"],
];

/** The axis above all charts of the section, with the times of a clock. */
export function timeAxis(view: TimeWindow): SVGElement {
  return createTimeAxis(view, (scale) => calendarTicks(...view.domain(), tickCount(scale, 90)));
}

/** Room for names beside the charts. */
export function chartGutters(): Gutters {
  return { left: window.innerWidth < 620 ? 84 : 132, right: 26 };
}

/** Buttons that move the window, and the time that it shows. */
export function toolbar(view: TimeWindow): HTMLElement {
  return timeToolbar(view, [["All", "Show the whole time", () => view.reset()]], (start, end) =>
    [start, end].map(instantText).join(" to "),
  );
}

function swatchOf(kind: string): HTMLElement {
  const swatch = element("span", { class: `span-swatch swatch-${kind}` });
  // Set on the object: a page's policy may let no style stand in an attribute.
  swatch.style.setProperty("--hue", jobHue(0));
  return swatch;
}

/** What of bars and marks is on the page. */
export function legend(fleets: readonly FleetPart[]): HTMLElement {
  const kinds = new Set(fleets.flatMap(({ spans }) => [...new Set(spans.kind)].map((kind) => SPAN_KINDS[kind]!)));
  const outcomes = new Set(fleets.flatMap(({ jobs }) => jobs.map(({ outcome }) => `${outcome}`)));
  const hasNumbers = fleets.some(({ numPipelines }) => numPipelines > 1);
  const key = (swatch: HTMLElement, text: string): HTMLElement => element("span", { class: "key" }, [swatch, text]);
  return element("div", { class: "keys" }, [
    ...LEGEND.filter(([kind]) => kinds.has(kind as (typeof SPAN_KINDS)[number])).map(([kind, text]) =>
      key(swatchOf(kind), kind === "training" && hasNumbers ? `${text}, with its pipeline's number` : text),
    ),
    ...MARKS.filter(([outcome]) => outcomes.has(outcome)).map(([outcome, mark]) =>
      key(element("span", { class: `mark-swatch mark-${outcome}` }, [mark]), outcome),
    ),
  ]);
}
