import { create } from "d3";
import { LETTERS, type ReportData } from "../report-data.ts";
import { element } from "./element.ts";

/** How many hues the style sheet has; more jobs take them again from the first. */
const NUM_HUES = 8;

/**
 * A forward is a tint of its job's hue, an evaluation a lighter one, a backward and an update the full hue, a weight
 * gradient between them; the theme fixes how far apart they are.
 */
const MIX: Readonly<Record<(typeof LETTERS)[number], string>> = {
  F: "var(--forward-mix)",
  B: "var(--backward-mix)",
  U: "var(--backward-mix)",
  I: "var(--backward-mix)",
  W: "white 20%",
  E: "var(--evaluation-mix)",
};

export function jobHue(job: number): string {
  return `var(--hue-${job % NUM_HUES})`;
}

/** The colour of a job in text. */
export function jobDot(job: number): HTMLElement {
  const dot = element("span", { class: "job-dot", "aria-hidden": "true" });
  // Set on the object: a page's policy may let no style stand in an attribute.
  dot.style.background = jobHue(job);
  return dot;
}

function shade(job: number, letter: (typeof LETTERS)[number]): string {
  return `color-mix(in oklab, ${jobHue(job)}, ${MIX[letter]})`;
}

const gradientId = (set: number, letter: number): string => `fill-${set}-${letter}`;

/** The fill of a bar; jobs that share a micro-batch share its bar, one band for each. */
export function barFill(data: ReportData, set: number, letter: number): string {
  const jobs = data.jobSets[set]!;
  return jobs.length === 1 ? shade(jobs[0]!, LETTERS[letter]!) : `url(#${gradientId(set, letter)})`;
}

/** The banded fills, for all timelines of the page; it has to be in the document, and takes no space. */
export function fillDefinitions(data: ReportData): SVGElement {
  const svg = create("svg").attr("width", 0).attr("height", 0).attr("aria-hidden", "true").attr("class", "definitions");
  const definitions = svg.append("defs");
  data.jobSets.forEach((jobs, set) => {
    if (jobs.length === 1) return;
    LETTERS.forEach((letter, code) => {
      const gradient = definitions
        .append("linearGradient")
        .attr("id", gradientId(set, code))
        .attr("x2", 0)
        .attr("y2", 1);
      jobs.forEach((job, band) => {
        for (const edge of [band, band + 1]) {
          gradient
            .append("stop")
            .attr("offset", edge / jobs.length)
            .style("stop-color", shade(job, letter));
        }
      });
    });
  });
  return svg.node()!;
}
