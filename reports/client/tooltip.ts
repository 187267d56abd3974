import { LANES } from "../report-data.ts";
import { element } from "./element.ts";
import { formatError, formatInstant, formatMemory, formatNanos, formatNumber } from "./format.ts";
import { jobHue } from "./job-colours.ts";
import { type Hover, jobsOf, letterOf, type PageState } from "./page-state.ts";
import { placeBox } from "./place-box.ts";

const LETTER_NAMES = {
  F: "forward",
  B: "backward",
  U: "optimizer update",
  I: "input gradient",
  W: "weight gradient",
  E: "evaluation",
} as const;
/** Jobs of an action that the box names. */
const LISTED = 8;
const SEND = LANES.indexOf("send");
function times(state: PageState, { action }: Hover): HTMLTableElement {
  const rows = state.data.traces.map(({ source, bars }, trace) => {
    const bar = state.computeBar(trace, action);
    const cells =
      bar === undefined ? ["–", "–"] : [formatInstant(bars.startNs[bar]!), formatNanos(bars.durationNs[bar]!)];
    return element("tr", {}, [
      element("th", { scope: "row" }, [source]),
      ...cells.map((cell) => element("td", {}, [cell])),
    ]);
  });
  const head = ["", "start", "duration"].map((name) => element("th", { scope: "col" }, [name]));
  return element("table", {}, [element("thead", {}, [element("tr", {}, head)]), element("tbody", {}, rows)]);
}

function jobLine(state: PageState, { action }: Hover): HTMLElement {
  const jobs = jobsOf(state.data, action);
  const left = jobs.length - LISTED;
  const names = jobs
    .slice(0, LISTED)
    .map((job) =>
      element("span", { class: "key" }, [
        element("span", { class: "swatch", style: `background: ${jobHue(job)}` }),
        state.data.jobs[job]!.name,
      ]),
    );
  return element("div", { class: "keys" }, [...names, left > 0 ? `and ${left} more` : undefined]);
}

function content(state: PageState, hover: Hover): readonly HTMLElement[] {
  const { actions, traces } = state.data;
  const { action } = hover;
  const error = state.errorOf(action);
  const bytes = traces
    .map(
      ({ bars }) => bars.bytes[bars.action.findIndex((own, bar) => own === action && bars.stream[bar] === SEND)] ?? 0,
    )
    .at(-1);
  const facts = [
    `stage ${actions.stage[action]}`,
    `micro-batch ${actions.microBatch[action]}`,
    `step ${actions.step[action]}`,
    `part ${actions.part[action]}`,
    `${formatNumber(actions.tokens[action]!)} tokens`,
  ];
  if (bytes) facts.push(`message ${formatMemory(bytes)}`);
  return [
    element("div", { class: "tooltip-title" }, [
      element("strong", {}, [actions.key[action]!]),
      ` ${LETTER_NAMES[letterOf(state.data, action)]}`,
      error === undefined ? undefined : element("span", { class: "tooltip-error" }, [`error ${formatError(error)}`]),
    ]),
    jobLine(state, hover),
    times(state, hover),
    element("div", { class: "tooltip-facts" }, [facts.map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · ")]),
  ];
}

/** The box beside whatever action the reader points at, in any section. */
export function createTooltip(state: PageState): HTMLElement {
  const box = element("div", { class: "tooltip", role: "tooltip", hidden: "" });
  state.hover.subscribe((hover) => {
    box.hidden = hover === null;
    if (hover === null) return;
    box.replaceChildren(...content(state, hover));
    placeBox(box, hover);
  });
  return box;
}
