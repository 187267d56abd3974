import { formatSeconds } from "../core/index.ts";
import { escapeHtml } from "./html-page.ts";

/** A piece of a lane's time. */
export interface RegressBar {
  readonly startNs: number;
  readonly endNs: number;
  /** Whose it is: bars of one have one colour. */
  readonly of: string;
}

/** What one side did: a lane a device, or a pipeline. */
export interface RegressTimeline {
  readonly name: string;
  readonly lanes: readonly { readonly name: string; readonly bars: readonly RegressBar[] }[];
}

/** Golden workloads that moved for one reason. */
export interface RegressSection {
  /** Begins with the verdict. */
  readonly title: string;
  readonly verdict: string;
  /** Figure, before, now, by how much, and what that is. */
  readonly rows: readonly (readonly string[])[];
  readonly why: readonly string[];
  /** Of each, named where there are several: what both sides did. */
  readonly timelines: readonly { readonly name: string; readonly sides: readonly RegressTimeline[] }[];
}

export interface RegressPage {
  readonly title: string;
  /** How policies compare, in lines; undefined where none moved. */
  readonly policies: string | undefined;
  /** In one sentence. */
  readonly verdict: string;
  readonly date: string;
  readonly sections: readonly RegressSection[];
}

const STYLE = `
:root { color-scheme: light dark; --line: #8886; --dim: #666; --bad: #b3261e; --good: #1b6e3c; }
@media screen and (prefers-color-scheme: dark) { :root { --dim: #aaa; --bad: #ff8a80; --good: #7ddc9f; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1100px; padding: 16px; }
h1 { font-size: 22px; } h2 { font-size: 18px; margin: 32px 0 4px; } .dim { color: var(--dim); }
.broken, .worse, .trade-off, .unexplained { color: var(--bad); } .better { color: var(--good); }
.scroll, pre { overflow-x: auto; } table { border-collapse: collapse; margin: 8px 0; }
td, th { border-bottom: 1px solid var(--line); padding: 3px 12px 3px 0; text-align: right; white-space: nowrap; }
td:first-child, th:first-child { text-align: left; }
figure { margin: 12px 0; } figcaption { color: var(--dim); } svg { display: block; width: 100%; }
.lane { display: grid; grid-template-columns: 72px 1fr; align-items: center; gap: 6px; margin: 2px 0; font-size: 12px; }
.lane svg { background: #8882; height: 18px; } .jobs span { display: inline-block; margin-right: 12px; }
.jobs i { border-radius: 2px; display: inline-block; height: 10px; margin-right: 4px; width: 10px; }
`;

/** Bars that are nearer than a hair are one. */
const HAIR = 1 / 1500;

function merged(bars: readonly RegressBar[], spanNs: number): readonly RegressBar[] {
  const wide: RegressBar[] = [];
  for (const bar of [...bars].sort((a, b) => a.startNs - b.startNs)) {
    const last = wide.at(-1);
    if (last !== undefined && last.of === bar.of && bar.startNs - last.endNs < HAIR * spanNs)
      wide[wide.length - 1] = { ...last, endNs: Math.max(last.endNs, bar.endNs) };
    else wide.push(bar);
  }
  return wide;
}

/** As many hues as there are, far from each other. */
function colourOf(of: string, all: readonly string[]): string {
  return `hsl(${Math.round((all.indexOf(of) * 137.5) % 360)} 55% 52%)`;
}

function laneHtml({ name, bars }: RegressTimeline["lanes"][number], spanNs: number, all: readonly string[]): string {
  const rects = merged(bars, spanNs).map(({ startNs, endNs, of }) => {
    const [x, width] = [(1000 * startNs) / spanNs, Math.max(0.4, (1000 * (endNs - startNs)) / spanNs)];
    const title = `${of}: ${formatSeconds(startNs / 1e9)} to ${formatSeconds(endNs / 1e9)}`;
    return `<rect x="${x.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="18" fill="${colourOf(of, all)}"><title>${escapeHtml(title)}</title></rect>`;
  });
  return `<div class="lane"><span>${escapeHtml(name)}</span><svg viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(name)}">${rects.join("")}</svg></div>`;
}

function timelinesHtml({ name: whose, sides: timelines }: RegressSection["timelines"][number]): string {
  const bars = timelines.flatMap(({ lanes }) => lanes.flatMap((lane) => lane.bars));
  if (bars.length === 0) return "";
  const spanNs = bars.reduce((most, { endNs }) => Math.max(most, endNs), 1);
  const all = [...new Set(bars.map(({ of }) => of))].sort();
  const jobs = all.map((of) => `<span><i style="background:${colourOf(of, all)}"></i>${escapeHtml(of)}</span>`);
  const figures = timelines.map(({ name, lanes }) => {
    const caption = `<figcaption>${escapeHtml(name)}</figcaption>`;
    return `<figure>${caption}${lanes.map((lane) => laneHtml(lane, spanNs, all)).join("")}</figure>`;
  });
  const axis = `<p class="dim">Both from 0 to ${formatSeconds(spanNs / 1e9)}.</p>`;
  const head = whose === "" ? "" : `<h3>${escapeHtml(whose)}</h3>`;
  return `${head}${figures.join("")}${axis}<p class="jobs">${jobs.join("")}</p>`;
}

function tableHtml(rows: RegressSection["rows"]): string {
  if (rows.length === 0) return "";
  const cells = (row: readonly string[]): string =>
    row
      .map((text, at) => `<td${at === 4 && text !== "" ? ` class="${escapeHtml(text)}"` : ""}>${escapeHtml(text)}</td>`)
      .join("");
  const head = ["figure", "before", "now", "", ""].map((text) => `<th scope="col">${text}</th>`).join("");
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join("")}</tbody></table></div>`;
}

function sectionHtml({ title, verdict, rows, why, timelines }: RegressSection): string {
  const reasons = why.map((line) => `<li>${escapeHtml(line)}</li>`).join("");
  const rest = title.slice(verdict.length);
  return `<section><h2><span class="${escapeHtml(verdict)}">${escapeHtml(verdict)}</span>${escapeHtml(rest)}</h2>
${tableHtml(rows)}<ul>${reasons}</ul>${timelines.map(timelinesHtml).join("")}</section>`;
}

/** One page without scripts: golden workloads that moved, why, and what both sides did, under one time axis. */
export function renderRegress({ title, policies, verdict, date, sections }: RegressPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${policies === undefined ? "" : `<pre>${escapeHtml(policies)}</pre>\n`}<p>${escapeHtml(verdict)}.</p>
<p class="dim">${escapeHtml(date)}</p>
${sections.length === 0 ? "<p>Nothing moved.</p>" : sections.map(sectionHtml).join("\n")}
</body>
</html>
`;
}
