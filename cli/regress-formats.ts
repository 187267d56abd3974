import { escapeHtml } from "../reports/index.ts";
import { type ComparedGolden, isBlocking } from "../studies/index.ts";
import {
  blockingOf,
  countsText,
  figureRows,
  movedOf,
  numberOf,
  type RegressResult,
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

/** A test suite in JUnit's format: a case a golden workload, a failure where it blocks. */
export function regressJunit(result: RegressResult): string {
  const cases = result.goldens.map((golden) => {
    const { name, guards, verdict, why } = golden;
    const text = plainLines(golden).map(xml).join("&#10;");
    const head = `  <testcase classname="regress" name="${xml(name)}" time="0"`;
    if (isBlocking(verdict))
      return `${head}>\n    <failure message="${xml(`${verdict}: ${why[0] ?? guards}`)}">${text}</failure>\n  </testcase>`;
    if (verdict === "unable") return `${head}>\n    <skipped message="refused by both"/>\n  </testcase>`;
    return verdict === "same" ? `${head}/>` : `${head}>\n    <system-out>${text}</system-out>\n  </testcase>`;
  });
  const counts = `tests="${result.goldens.length}" failures="${blockingOf(result).length}" skipped="${numberOf(result, "unable")}"`;
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

/** Lines that GitHub's runner shows beside a change: an error for what blocks, a notice for what moved. */
export function regressAnnotations(result: RegressResult): readonly string[] {
  return movedOf(result).map((golden) => {
    const level = isBlocking(golden.verdict) ? "error" : "notice";
    const text = plainLines(golden).join("\n");
    return `::${level} title=${annotation(`${golden.name}: ${golden.verdict}`).replace(/[,:]/g, (character) => (character === "," ? "%2C" : "%3A"))}::${annotation(text)}`;
  });
}

/** Characters that mean something in a cell of Markdown. */
function cell(text: string): string {
  return text.replace(/[|\\`*_<>[\]]/g, "\\$&");
}

/** A comment on a pull request. */
export function regressMarkdown(result: RegressResult): string {
  const blocking = blockingOf(result).length;
  const moved = movedOf(result);
  const sections = moved.map((golden) => {
    const rows = figureRows(golden).map((row) => `| ${row.map(cell).join(" | ")} |`);
    return [
      `<details${isBlocking(golden.verdict) ? " open" : ""}>`,
      `<summary><b>${golden.verdict}</b>: ${cell(golden.name)} (${cell(golden.guards)})</summary>`,
      "",
      ...(rows.length === 0 ? [] : ["| figure | before | now | | |", "|---|---|---|---|---|", ...rows, ""]),
      ...golden.why.map((line) => `- ${cell(line)}`),
      "",
      "</details>",
    ].join("\n");
  });
  return [
    `### ${blocking > 0 ? "Golden workloads got worse" : moved.length > 0 ? "Golden workloads moved" : "Golden workloads are the same"}`,
    "",
    `${cell(verdictText(result))}.`,
    "",
    ...sections,
    ...(moved.length === 0 ? [countsText(result)] : []),
    "",
  ].join("\n");
}
