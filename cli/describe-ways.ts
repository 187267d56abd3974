import { formatSeconds } from "../core/index.ts";
import { type ComparedWays, causeText, shorteningText, type WayFacts, wayText } from "../traces/index.ts";
import { percent, table } from "./output.ts";

/** What would shorten a run, so many lines of each. */
const MOST = 3;

function seconds(ns: number): string {
  return formatSeconds(ns / 1e9);
}

/** Nanoseconds of which no digit is shown. */
const UNSEEN_NS = 50;

/** "+1.2 s" */
function signedSeconds(ns: number): string {
  return Math.abs(ns) < UNSEEN_NS ? "0 s" : `${ns < 0 ? "-" : "+"}${seconds(Math.abs(ns))}`;
}

function pathLines(name: string, { criticalPath }: WayFacts, makespanNs: number): readonly string[] {
  const lines = criticalPath.slice(0, MOST).map((part) => {
    const [what, how] = shorteningText(part);
    return `  ${what}: ${percent(part.ns / makespanNs)}; ${how} at most ${seconds(part.savesNs)}`;
  });
  return lines.length === 0 ? [] : ["", `the critical path of ${name}:`, ...lines];
}

/** Why one plan takes longer than another, for people. `names`: what they are called. */
export function waysText({ ways, makespan, causes }: ComparedWays, names: readonly [string, string]): string {
  const row = (text: string, { ns, differenceNs }: ComparedWays["makespan"]): readonly string[] => [
    text,
    ...ns.map(seconds),
    signedSeconds(differenceNs),
  ];
  return [
    ...ways.map((way, index) => `${names[index]}: ${wayText(way)}`),
    "",
    table(
      ["seconds of a device", ...names, "difference"],
      [...causes.map((cause) => row(causeText(cause), cause)), row("the whole run", makespan)],
    ),
    ...ways.flatMap((way, index) => pathLines(names[index]!, way, makespan.ns[index]!)),
  ].join("\n");
}
