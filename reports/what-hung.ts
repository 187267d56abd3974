import { formatSeconds, maximum } from "../core/index.ts";
import type { BothWays, StoryPart } from "../plan/index.ts";

/** Names that a sentence lists. */
const LISTED = 6;
/** Of the time of all jobs, what of a job's end is worth a word. */
const LITTLE = 0.005;

function seconds(ns: number): string {
  return ns === 0 ? "0 s" : formatSeconds(ns / 1e9);
}

function change(own: number, other: number): string {
  const share = 100 * (other / own - 1);
  return `${share > 0 ? "+" : ""}${share.toFixed(1)} %`;
}

type MovedEnd = BothWays["ends"][number] & { readonly byNs: number };

function movedText(when: string, moved: readonly MovedEnd[]): readonly string[] {
  if (moved.length === 0) return [];
  const listed = moved.slice(0, LISTED).map(({ name, byNs }) => `${name} by ${seconds(Math.abs(byNs))}`);
  const left = moved.length - LISTED;
  return [`with the run's decision these end ${when}: ${listed.join(", ")}${left > 0 ? ` and ${left} more` : ""}`];
}

/** What hung on a decision of a twin, for people; a text: why that cannot be simulated. */
export function whatHungStory(hung: BothWays | string): StoryPart {
  if (typeof hung === "string") return { heading: `What hung on it cannot be simulated: ${hung}.`, lines: [] };
  const { own, other, ends } = hung;
  const moved = ends
    .map((end) => ({ ...end, byNs: end.otherNs - end.ownNs }))
    .sort((a, b) => Math.abs(b.byNs) - Math.abs(a.byNs));
  const most = maximum(moved.map(({ byNs }) => Math.abs(byNs)));
  if (most <= LITTLE * own.makespanNs) {
    const how = most === 0 ? "each job ends at the same time" : `no job's end moves by more than ${seconds(most)}`;
    return {
      heading: `Nothing hung on it. The simulator went on from there with each of the two decisions: ${how}.`,
      lines: [],
    };
  }
  const told = moved.filter(({ byNs }) => Math.abs(byNs) > LITTLE * own.makespanNs);
  return {
    heading: "What hung on it: the simulator went on from there with each of the two decisions.",
    lines: [
      `with the twin's decision a job takes ${seconds(own.meanTurnaroundNs)} on average, ` +
        `all jobs ${seconds(own.makespanNs)}`,
      `with the run's decision a job takes ${seconds(other.meanTurnaroundNs)} on average ` +
        `(${change(own.meanTurnaroundNs, other.meanTurnaroundNs)}), all jobs ${seconds(other.makespanNs)} ` +
        `(${change(own.makespanNs, other.makespanNs)})`,
      ...movedText(
        "later",
        told.filter(({ byNs }) => byNs > 0),
      ),
      ...movedText(
        "sooner",
        told.filter(({ byNs }) => byNs < 0),
      ),
    ],
  };
}
