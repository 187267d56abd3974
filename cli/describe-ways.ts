import { formatSeconds, formatSignedSeconds } from "../core/index.ts";
import {
  type ComparedWays,
  causeText,
  type RunDifference,
  shorteningText,
  type WayFacts,
  wayText,
} from "../traces/index.ts";
import { percent, table } from "./output.ts";

/** What would shorten a run, so many lines of each. */
const MOST = 3;

function seconds(ns: number): string {
  return formatSeconds(ns / 1e9);
}

function pathLines(name: string, criticalPath: WayFacts["criticalPath"], makespanNs: number): readonly string[] {
  const lines = criticalPath.slice(0, MOST).map((part) => {
    const [what, how] = shorteningText(part);
    return `  ${what}: ${percent(part.ns / makespanNs)}; ${how} at most ${seconds(part.savesNs)}`;
  });
  return lines.length === 0 ? [] : ["", `the critical path of ${name}:`, ...lines];
}

/** Why one way takes longer than another, for people. `names`: what they are called. */
export function differenceText(
  { makespan, causes }: RunDifference,
  names: readonly [string, string],
  paths: readonly [WayFacts["criticalPath"], WayFacts["criticalPath"]],
): string {
  const row = (text: string, { ns, differenceNs }: ComparedWays["makespan"]): readonly string[] => [
    text,
    ...ns.map(seconds),
    formatSignedSeconds(differenceNs / 1e9),
  ];
  return [
    table(
      ["seconds of a device", ...names, "difference"],
      [...causes.map((cause) => row(causeText(cause), cause)), row("the whole run", makespan)],
    ),
    ...paths.flatMap((criticalPath, index) => pathLines(names[index]!, criticalPath, makespan.ns[index]!)),
  ].join("\n");
}

/** The same of two ways, with what they are. */
export function waysText(compared: ComparedWays, names: readonly [string, string]): string {
  const [one, other] = compared.ways;
  return [
    ...compared.ways.map((way, index) => `${names[index]}: ${wayText(way)}`),
    "",
    differenceText(compared, names, [one.criticalPath, other.criticalPath]),
  ].join("\n");
}
