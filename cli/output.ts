import type { Assumptions } from "../calibration/index.ts";
import {
  canonicalJson,
  formatSeconds,
  formatSecondsRange,
  OUTLOOK_WORDS,
  plainLine,
  textTable,
} from "../core/index.ts";
import type { Intervals } from "../traces/index.ts";
import { type Arguments, flag } from "./command.ts";
import type { Io } from "./io.ts";

/** The result: one JSON document with --json, else text for people. */
export function printResult(io: Io, args: Arguments, document: unknown, text: () => string): void {
  io.stdout(`${flag(args, "json") ? canonicalJson(document) : text()}\n`);
}

/** What was chosen, left out or assumed, on stderr, also where nobody looks: a file of messages is read later. */
export function note(io: Io, args: Arguments, text: string): void {
  if (!flag(args, "quiet")) io.stderr(`Note: ${text}\n`);
}

/** A run folder that a process had, which is no more. */
export function takenOver(folder: string, process: number): string {
  return `${folder} was left by process ${process}, which is no more, and is taken over`;
}

/** What a person should look at, on stderr; not even --quiet hides it. */
export function warn(io: Io, text: string): void {
  io.stderr(`Warning: ${text}\n`);
}

/** How far something has got, on stderr, and only on a terminal. */
export function showProgress(io: Io, args: Arguments, text: string): void {
  if (io.isTty && !flag(args, "quiet")) io.stderr(`${text}\n`);
}

/** Where the cursor of a terminal is to go and what it is to erase: the only control sequences that go out. */
export function moveCursor(io: Io, sequence: string): void {
  (io.control ?? io.stderr)(sequence);
}

/** Takes the line back that the cursor is on. */
export const ERASE_LINE = "\r\u001b[K";

/** Columns of a line, where no terminal says how many it has. */
export const WIDTH = 80;

/** A sentence in lines of at most so many columns, the second and those behind it with something before them. */
export function wrappedTo(width: number, text: string, indent = ""): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `${indent}${word}`);
  }
  return lines;
}

/** The same in lines of at most 80 columns, the second and those behind it indented. */
export function wrapped(text: string): readonly string[] {
  return wrappedTo(WIDTH, text, "  ");
}

/** What predicted times assume. */
export function assumptionLines({ device, software, kernels }: Assumptions): readonly string[] {
  return [`assumed device: ${device}`, `assumed software: ${software}`, `assumed kernels: ${kernels}`].flatMap(wrapped);
}

/** Columns side by side under a line: the first flush left, the others flush right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(plainLine));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return textTable([cells[0]!, widths.map((width) => "-".repeat(width)), ...cells.slice(1)]).join("\n");
}

/** "12.3 %" */
export function percent(ratio: number, digits = 1): string {
  return `${(100 * ratio).toFixed(digits)} %`;
}

/** Money: "1 234", "12.34" or "0.0012". */
export function amountText(value: number): string {
  if (value >= 1000) return wholeText(value);
  return value >= 1 || value === 0 ? value.toFixed(2) : value.toPrecision(2);
}

/** "12 345" without digits behind the point, thousands apart. */
export function wholeText(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Tokens a second. */
export function rateText(rate: number): string {
  return rate.toFixed(rate < 100 ? 1 : 0);
}

/** What becomes of the machine in words, with the times for each; nothing where nobody looked how it is now. */
export function outlookLines(outlooks: Intervals["outlooks"]): readonly string[] {
  if (outlooks === undefined) return [];
  const { alone, been } = outlooks;
  const others = (
    [
      ["alone", alone],
      ["been", been],
    ] as const
  ).map(([outlook, range]) => `${OUTLOOK_WORDS[outlook]} ${formatSecondsRange(...range)}`);
  return [`${OUTLOOK_WORDS.now}; ${others.join(", ")}`];
}

/** Where the figures of `headline` are expected, on lines of at most 80 columns; exact times have no such lines. */
export function intervalLines(intervals: Intervals | undefined): readonly string[] {
  if (intervals === undefined) return [];
  const { level, makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, outlooks } = intervals;
  if (makespanSeconds[0] === makespanSeconds[1]) return [];
  const [low, high] = bubbleRatio ?? bubbleRatioTotal;
  const rates = tokensPerSecond.map(rateText).join(" to ");
  return [
    `${percent(level, 0)} of runs: ${formatSecondsRange(...makespanSeconds)}, ${rates} tokens/s, bubble ${(100 * low).toFixed(1)} to ${percent(high)}`,
    ...outlookLines(outlooks),
  ];
}

/** Time, rate and bubbles of a run, predicted or real, on one line of at most 80 columns. */
export function headline(facts: {
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  readonly bubbleRatio: number | null;
  readonly bubbleRatioTotal: number;
}): string {
  const steady = facts.bubbleRatio === null ? "" : `${percent(facts.bubbleRatio)} steady, `;
  return `${formatSeconds(facts.makespanSeconds)}, ${rateText(facts.tokensPerSecond)} tokens/s, bubble ${steady}${percent(facts.bubbleRatioTotal)} over the run`;
}
