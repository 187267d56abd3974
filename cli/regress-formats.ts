import { sum } from "../core/index.ts";
import { escapeHtml } from "../reports/index.ts";
import type { ComparedGolden } from "../studies/index.ts";
import {
  acceptHint,
  blockingOf,
  countsText,
  figureRows,
  groupReasons,
  groupRows,
  groupTitle,
  movedGroups,
  numberOf,
  policiesText,
  type RegressResult,
  refusedLines,
  trainedLines,
  verdictText,
} from "./describe-regress.ts";

function xml(text: string): string {
  return escapeHtml(text).replaceAll("\n", "&#10;");
}

/** Figures that moved, a line each, and why. */
function plainLines(golden: ComparedGolden): readonly string[] {
  const rows = figureRows(golden).map((row) => row.filter((cell) => cell !== "").join(" "));
  return [golden.guards, ...rows, ...golden.why];
}

/** Whether one policy is worse than the other. */
function isWorsePolicy({ policies }: RegressResult): boolean {
  return policies?.kind === "worse";
}

/** A test suite in JUnit's format: a case a golden workload, a failure where it blocks. */
export function regressJunit(result: RegressResult): string {
  const blocking = new Set(blockingOf(result));
  const cases = result.goldens.map((golden) => {
    const { name, guards, verdict, why, wallSeconds = 0 } = golden;
    const text = plainLines(golden).map(xml).join("&#10;");
    const head = `  <testcase classname="regress" name="${xml(name)}" time="${wallSeconds.toFixed(3)}"`;
    if (blocking.has(golden))
      return `${head}>\n    <failure message="${xml(`${verdict}: ${why[0] ?? guards}`)}">${text}</failure>\n  </testcase>`;
    if (verdict === "unable")
      return `${head}>\n    <skipped message="${xml(`refused by both: ${why[0]!}`)}"/>\n  </testcase>`;
    return verdict === "same" ? `${head}/>` : `${head}>\n    <system-out>${text}</system-out>\n  </testcase>`;
  });
  const policies = policiesText(result);
  if (policies !== undefined) {
    const told = isWorsePolicy(result)
      ? `<failure message="${xml(policies.split("\n")[0]!)}">${xml(policies)}</failure>`
      : `<system-out>${xml(policies)}</system-out>`;
    cases.unshift(`  <testcase classname="regress" name="policies" time="0.000">\n    ${told}\n  </testcase>`);
  }
  const seconds = sum(result.goldens.map(({ wallSeconds = 0 }) => wallSeconds));
  const counts = `tests="${cases.length}" failures="${blocking.size + (isWorsePolicy(result) ? 1 : 0)}" skipped="${numberOf(result, "unable")}" time="${seconds.toFixed(3)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="loratwin regress" ${counts}>`,
    ...cases,
    "</testsuite>",
    "",
  ].join("\n");
}

/** What GitHub's runner reads as one message has these characters in another form. */
function annotation(text: string): string {
  return text.replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}

/** Lines that GitHub's runner shows beside a change: an error for what blocks, a notice for what moved, one a reason. */
export function regressAnnotations(result: RegressResult): readonly string[] {
  const blocking = new Set(blockingOf(result));
  const policies = policiesText(result);
  const weighed = isWorsePolicy(result) ? "error" : "notice";
  const told = policies === undefined ? [] : [`::${weighed} title=policies::${annotation(policies)}`];
  const moved = movedGroups(result).map((group) => {
    const [first] = group;
    const level = blocking.has(first) ? "error" : "notice";
    const rows = groupRows(group).map((row) => row.filter((text) => text !== "").join(" "));
    const text = [...(group.length === 1 ? [first.guards] : []), ...rows, ...groupReasons(group)].join("\n");
    const title = `${group.map(({ name }) => name).join(" ")}: ${first.verdict}`;
    return `::${level} title=${annotation(title).replace(/:/g, "%3A").replace(/,/g, "%2C")}::${annotation(text)}`;
  });
  return [...told, ...moved];
}

/** Characters that mean something in a cell of Markdown. */
function cell(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[|\\`*_<>[\]]/g, "\\$&");
}

/** What tells a comment of ours from others, in it where nobody sees it: `examples/ci/post-comment.mjs` edits that one. */
const MARKER = "<!-- loratwin regress -->";

/** Characters of a comment that GitHub takes, with room for what stands around. */
const MOST_CHARACTERS = 60_000;

/** Sections as far as there is room for them, and how many are left out. */
function asFarAsRoom(sections: readonly string[]): readonly string[] {
  let room = MOST_CHARACTERS;
  const taken = sections.filter((section) => {
    room -= section.length;
    return room > 0;
  });
  const left = sections.length - taken.length;
  return left === 0 ? taken : [...taken, `And ${left} more: see the page.`];
}

function headingOf(result: RegressResult): string {
  if (result.policies !== undefined) return `${cell(result.now)} against ${cell(result.before)}`;
  if (blockingOf(result).length > 0) return "Golden workloads block this change";
  return movedGroups(result).length > 0 ? "Golden workloads moved" : "Golden workloads are the same";
}

/** A comment on a pull request. */
export function regressMarkdown(result: RegressResult): string {
  const blocking = new Set(blockingOf(result));
  const groups = movedGroups(result);
  const [policies, hint] = [policiesText(result), acceptHint(result)];
  const lines = [...trainedLines(result), ...refusedLines(result)];
  const sections = groups.map((group) => {
    const rows = groupRows(group).map((row) => `| ${row.map(cell).join(" | ")} |`);
    const [verdict, ...rest] = groupTitle(group).split(": ");
    return [
      `<details${blocking.has(group[0]) ? " open" : ""}>`,
      `<summary><b>${verdict}</b>: ${cell(rest.join(": "))}</summary>`,
      "",
      ...(rows.length === 0 ? [] : ["| figure | before | now | | |", "|---|---|---|---|---|", ...rows, ""]),
      ...groupReasons(group).map((line) => `- ${cell(line)}`),
      "",
      "</details>",
    ].join("\n");
  });
  return [
    MARKER,
    `### ${headingOf(result)}`,
    "",
    `${cell(verdictText(result))}.`,
    "",
    ...(policies === undefined ? [] : ["```text", policies, "```", ""]),
    ...(lines.length === 0 ? [] : [...lines.map((line) => `- ${cell(line)}`), ""]),
    ...asFarAsRoom(sections),
    ...(groups.length === 0 ? [countsText(result)] : []),
    ...(hint === undefined ? [] : ["", hint]),
    "",
  ].join("\n");
}
