import { counted, OUTLOOK_WORDS } from "../../core/index.ts";
import {
  costText,
  createRowChoice,
  element,
  formatDuration,
  formatShare,
  jobDot,
  jobHue,
  section,
  sparklinePath,
} from "../../reports/client/index.ts";
import type { JobStatus } from "../fleet-control.ts";
import { hasNoEnd, isOver, secondsLate } from "../standing.ts";
import type { FleetState } from "./api.ts";
import { colourOf } from "./colours.ts";
import type { LivePart } from "./live-part.ts";
import { patch } from "./patch.ts";

const SVG = "http://www.w3.org/2000/svg";
const [CURVE_WIDTH, CURVE_HEIGHT] = [140, 30];

function curveOf(job: JobStatus, hue: string, { curves }: FleetState): Node | string {
  const points = sparklinePath(curves.get(job.name)?.points ?? [], CURVE_WIDTH, CURVE_HEIGHT);
  if (points === "") return "";
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const box = { width: CURVE_WIDTH, height: CURVE_HEIGHT, viewBox: `0 0 ${CURVE_WIDTH} ${CURVE_HEIGHT}` };
  for (const [name, value] of Object.entries(box)) svg.setAttribute(name, `${value}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `losses of ${job.name}`);
  path.setAttribute("class", "curve");
  path.setAttribute("d", points);
  // Set on the object: the page's policy lets no style stand in an attribute.
  path.style.stroke = hue;
  svg.append(path);
  return svg;
}

function progressOf({ done, iterations, name }: JobStatus, hue: string): HTMLElement {
  const share = iterations === 0 ? 0 : Math.min(1, done / iterations);
  const fill = element("div", { class: "progress-fill" });
  fill.style.width = `${100 * share}%`;
  fill.style.background = hue;
  const facts = {
    role: "progressbar",
    "aria-label": `progress of ${name}`,
    "aria-valuenow": `${Math.round(100 * share)}`,
  };
  return element("div", { class: "progress-cell" }, [
    element("div", { class: "progress", ...facts }, [fill]),
    element("span", { class: "detail" }, [`${done} of ${counted(iterations, "step")}, ${formatShare(share)}`]),
  ]);
}

/** A prediction that is older is shown with its age. */
const OLD_SECONDS = 30;

/** "12.3 s of devices" and "0.02 USD", a line each. */
function spentLines({ spent }: JobStatus): readonly HTMLElement[] {
  if (spent.deviceSeconds === 0) return [];
  const lines = [
    `${formatDuration(spent.deviceSeconds)} of devices`,
    ...(spent.cost === undefined ? [] : [costText(spent)]),
  ];
  return lines.map((line) => element("span", { class: "detail" }, [line]));
}

/** By how much it ends after its deadline, or is predicted to. */
function lateLines(job: JobStatus, now: number): readonly HTMLElement[] {
  const late = secondsLate(job, now);
  const text = `${formatDuration(late)} after its deadline${hasNoEnd(job) ? " so far" : ""}`;
  return late === 0 ? [] : [element("span", { class: "detail" }, [text])];
}

function endOf(job: JobStatus, now: number): HTMLElement {
  const { predictedEnd, endSeconds, arrivalSeconds } = job;
  if (endSeconds !== null)
    return element("div", {}, [
      `took ${formatDuration(endSeconds - arrivalSeconds)}`,
      element("span", { class: "detail" }, ["from arrival to end"]),
      ...lateLines(job, now),
      ...spentLines(job),
    ]);
  if (predictedEnd === null) return element("div", {}, ["–", ...lateLines(job, now)]);
  const left = (at: number): string => formatDuration(Math.max(0, at - now));
  const { seconds, low, high, asOfSeconds, outlooks } = predictedEnd;
  const age = now - asOfSeconds;
  const range = (own: { readonly low: number; readonly high: number }, words: string): HTMLElement =>
    element("span", { class: "detail" }, [`${words} ${left(own.low)} to ${left(own.high)}`.trim()]);
  return element("div", {}, [
    `in ${left(seconds)}`,
    ...(low === high ? [] : [range(predictedEnd, outlooks === undefined ? "" : OUTLOOK_WORDS.now)]),
    ...(outlooks === undefined
      ? []
      : (["alone", "been"] as const).map((outlook) => range(outlooks[outlook], OUTLOOK_WORDS[outlook]))),
    ...lateLines(job, now),
    ...spentLines(job),
    ...(age > OLD_SECONDS ? [element("span", { class: "detail" }, [`as known ${formatDuration(age)} ago`])] : []),
  ]);
}

function lossText(loss: number | null): string {
  return loss === null ? "–" : loss.toFixed(3);
}

/** What its held-out rows said. */
function heldOutOf({ evaluationLoss, best }: JobStatus): string {
  if (evaluationLoss === null && best === null) return "";
  const lowest = best === null ? "" : `, best ${lossText(best.loss)} after ${counted(best.step + 1, "step")}`;
  return `held out ${lossText(evaluationLoss)}${lowest}`;
}

/** A cell that says its column itself where there is no room for heads. */
function cell(column: string, children: readonly (Node | string)[]): HTMLElement {
  return element("td", { "data-column": column }, children);
}

function rowOf(job: JobStatus, state: FleetState): HTMLElement {
  const colour = colourOf(job.name);
  const hue = jobHue(colour);
  const whose = [job.user, job.priority === 0 ? "" : `priority ${job.priority}`].filter((text) => text !== "");
  const where = job.pipeline === null ? "" : ` on pipeline ${job.pipeline}`;
  return element("tr", { class: isOver(job) ? "job is-over" : "job", "data-key": job.name }, [
    element("th", { scope: "row" }, [
      jobDot(colour),
      job.name,
      element("span", { class: "detail" }, [whose.join(", ")]),
    ]),
    cell("standing", [
      element("span", { class: `standing standing-${job.standing}` }, [job.standing]),
      element("span", { class: "detail" }, [where.trim()]),
    ]),
    cell("progress", [progressOf(job, hue)]),
    cell("loss", [
      element("div", { class: "loss-cell" }, [curveOf(job, hue, state), lossText(job.loss)]),
      element("span", { class: "detail" }, [heldOutOf(job)]),
    ]),
    cell("end", [endOf(job, state.status.uptimeSeconds)]),
    cell("why", [job.why]),
  ]);
}

/** The queue: those that train first, then those that wait, then those that are over, the latest first. */
function ordered(jobs: readonly JobStatus[]): readonly JobStatus[] {
  const rank = (job: JobStatus): number => (isOver(job) ? 2 : job.pipeline === null ? 1 : 0);
  // In the order of arrival, but for those that are over.
  return [...jobs].sort((a, b) => rank(a) - rank(b) || (isOver(a) ? (b.endSeconds ?? 0) - (a.endSeconds ?? 0) : 0));
}

const HEADS = ["job", "standing", "progress", "loss", "end", "why"];

export function createJobsSection(): LivePart {
  let state: FleetState | undefined;
  const none = element("p", { class: "meaning" }, ["No job is there yet."]);
  const left = element("p", { class: "hint" });
  const body = element("tbody");
  const draw = (): void => {
    if (state === undefined) return;
    const { jobs, omitted } = state;
    const rows = choice.chosen(ordered(jobs), ({ name, user }) => [name, user]).map((job) => rowOf(job, state!));
    patch(body, element("tbody", {}, rows));
    none.hidden = jobs.length > 0;
    panel.hidden = jobs.length === 0;
    left.textContent =
      omitted === 0 ? "" : `${counted(omitted, "earlier job")} that ${omitted === 1 ? "is" : "are"} over: not shown.`;
  };
  const choice = createRowChoice("Job or user", draw);
  const heads = HEADS.map((head) => element("th", { scope: "col" }, [head]));
  const panel = element("div", { class: "panel" }, [
    choice.find,
    element("table", { class: "jobs" }, [element("thead", {}, [element("tr", {}, heads)]), body]),
    choice.more,
  ]);
  const meaning =
    "Who trains, who waits, and who is over. An end is predicted from now on, with the times between which 90 % of runs end.";
  return {
    node: section("jobs", "Jobs", meaning, [none, panel, left]),
    update(next) {
      state = next;
      draw();
    },
  };
}
