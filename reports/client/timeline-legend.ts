import { LETTERS, type ReportData } from "../report-data.ts";
import { element } from "./element.ts";
import { barFill, jobHue } from "./job-colours.ts";
import type { PageState } from "./page-state.ts";
import { walkedByArrows } from "./walked-by-arrows.ts";

const LETTER_NAMES = {
  F: "forward",
  B: "backward",
  U: "update",
  I: "input gradient",
  W: "weight gradient",
  E: "evaluation",
} as const;

/** A button for each job that makes its bars stand out; a second press lets go. */
export function jobLegend(state: PageState): HTMLElement {
  const { jobs } = state.data;
  const buttons = jobs.map((job, index) => {
    const swatch = element("span", { class: "swatch", style: `background: ${jobHue(index)}` });
    const button = element("button", { type: "button", class: "chip", "aria-pressed": "false" }, [swatch, job.name]);
    if (job.adapter !== "") button.title = job.adapter;
    button.addEventListener("click", () => {
      state.highlightedJob.set(state.highlightedJob.get() === index ? null : index);
    });
    return button;
  });
  state.highlightedJob.subscribe((highlighted) => {
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(highlighted === index));
    });
  });
  return element(
    "div",
    {
      class: "legend",
      role: "group",
      "aria-label": "Adapters: press one to make it stand out; arrow keys walk over them",
    },
    walkedByArrows(buttons),
  );
}

/** How forward, backward, update and evaluation look. */
export function letterKey(data: ReportData): HTMLElement {
  const single = Math.max(
    0,
    data.jobSets.findIndex((jobs) => jobs.length === 1),
  );
  const used = new Set(data.actions.letter);
  const entries = LETTERS.flatMap((letter, code) => {
    if (!used.has(code)) return [];
    const fill = data.jobSets[single]?.length === 1 ? barFill(data, single, code) : undefined;
    const tint = `var(--${letter === "F" ? "forward" : letter === "E" ? "evaluation" : "backward"}-mix)`;
    const style = `background: ${fill ?? `color-mix(in oklab, var(--hue-0), ${tint})`}`;
    return element("span", { class: "key" }, [
      element("span", { class: `letter-swatch letter-swatch-${letter}`, style }),
      `${letter} ${LETTER_NAMES[letter]}`,
    ]);
  });
  return element("div", { class: "keys" }, entries);
}
