// What stands around the charts of jobs over time: axis, toolbar, legend.
import { axisTop, create } from "d3";
import { type FleetPart, SPAN_KINDS } from "../../fleet-data.ts";
import { element } from "../element.ts";
import { jobHue } from "../job-colours.ts";
import type { Gutters, TimeWindow } from "../time-window.ts";
import { calendarTicks, instantText } from "./calendar-ticks.ts";

const LEGEND: readonly (readonly [kind: string, text: string])[] = [
  ["training", "training, coloured by pipeline"],
  ["leaving", "leaving after its iteration"],
  ["waiting", "waiting"],
  ["preempted", "preempted"],
  ["paused", "paused"],
];
const MARKS: readonly (readonly [outcome: string, mark: string])[] = [
  ["stopped", "■"],
  ["refused", "✕"],
];

/** The axis above all charts of the section. */
export function timeAxis(view: TimeWindow): SVGElement {
  const svg = create("svg")
    .attr("class", "time-axis")
    .attr("height", 28)
    .attr("width", "100%")
    .attr("aria-hidden", "true");
  const group = svg.append("g").attr("class", "axis").attr("transform", "translate(0,24)");
  view.onChange(() => {
    const scale = view.scale();
    const [left, right] = scale.range();
    const ticks = calendarTicks(...view.domain(), Math.max(2, Math.floor((right! - left!) / 90)));
    group.call(
      axisTop(scale)
        .tickValues(ticks.values)
        .tickSizeOuter(0)
        .tickFormat((time) => ticks.label(Number(time))),
    );
  });
  return svg.node()!;
}

/** Room for names beside the charts. */
export function chartGutters(): Gutters {
  return { left: window.innerWidth < 620 ? 84 : 132, right: 26 };
}

/** Buttons that move the window, and the time that it shows. */
export function toolbar(view: TimeWindow): HTMLElement {
  const button = (label: string, name: string, act: () => void): HTMLButtonElement => {
    const made = element("button", { type: "button", "aria-label": name, title: name }, [label]);
    made.addEventListener("click", act);
    return made;
  };
  const shown = element("output", { class: "window-text" });
  view.onChange(() => {
    shown.textContent = view.domain().map(instantText).join(" to ");
  });
  return element("div", { class: "toolbar", role: "group", "aria-label": "Time window" }, [
    button("\u2212", "Zoom out", () => view.zoomBy(0.5)),
    button("+", "Zoom in", () => view.zoomBy(2)),
    button("‹", "Earlier", () => view.panBy(-0.5)),
    button("›", "Later", () => view.panBy(0.5)),
    button("All", "Show the whole time", () => view.reset()),
    shown,
  ]);
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
  const key = (swatch: HTMLElement, text: string): HTMLElement => element("span", { class: "key" }, [swatch, text]);
  return element("div", { class: "keys" }, [
    ...LEGEND.filter(([kind]) => kinds.has(kind as (typeof SPAN_KINDS)[number])).map(([kind, text]) =>
      key(swatchOf(kind), text),
    ),
    ...MARKS.filter(([outcome]) => outcomes.has(outcome)).map(([outcome, mark]) =>
      key(element("span", { class: `mark-swatch mark-${outcome}` }, [mark]), outcome),
    ),
  ]);
}
