import { counted } from "../../core/index.ts";
import {
  card,
  createLiveGantt,
  element,
  formatDuration,
  formatNumber,
  formatShare,
  section,
} from "../../reports/client/index.ts";
import type { FleetAnswer } from "../answer-fleet.ts";
import { numDevices } from "../scene.ts";
import { signedShare } from "./figures.ts";
import { type AskedScene, oneMorePrice, runPrice } from "./shown-answer.ts";

/** A scene under a policy, as the page shows it. */
export interface ShownFleet extends AskedScene {
  readonly fleet: FleetAnswer;
}

/** What one more GPU brings; undefined until it is known. */
export type OneMoreFleet = { readonly fleet: FleetAnswer } | { readonly error: string } | undefined;

function oneMoreCard({ scene, fleet }: ShownFleet, more: OneMoreFleet): HTMLElement {
  const name = "One more GPU";
  if (more === undefined) return card(name, "…", "is simulated after the jobs themselves");
  if ("error" in more) return card(name, "–", more.error.split("\n")[0]!);
  const [now, then] = [fleet.metrics, more.fleet.metrics];
  const price = scene.pricePerHour === 0 ? "" : `; costs ${formatNumber(oneMorePrice(scene, then.makespanSeconds))}`;
  return card(
    name,
    `${signedShare(then.turnaroundSeconds.mean / now.turnaroundSeconds.mean - 1)} turnaround`,
    `${formatDuration(then.turnaroundSeconds.mean)} on average, ${formatDuration(then.makespanSeconds)} in all${price}`,
  );
}

/** "5 of 6 in time": of the jobs that have a deadline, those that end by it; nothing where none has one. */
function deadlineText({ part: { jobs } }: FleetAnswer): readonly string[] {
  const due = jobs.filter(({ deadlineNs }) => deadlineNs !== null);
  const inTime = due.filter(({ endNs, deadlineNs }) => endNs !== null && endNs <= deadlineNs!);
  return due.length === 0 ? [] : [`${inTime.length} of ${due.length} by their deadline`];
}

/** How even users fare, where there are several. */
function fairnessText({ metrics: { fairness }, part: { jobs } }: FleetAnswer): readonly string[] {
  return new Set(jobs.map(({ user }) => user)).size < 2 ? [] : [`fairness to users ${fairness.toFixed(3)}`];
}

/** The figures of jobs over time side by side. */
export function fleetCards(shown: ShownFleet, more: OneMoreFleet): HTMLElement {
  const { scene, fleet } = shown;
  const isEstimate = fleet.whole === undefined;
  const { turnaroundSeconds, waitingSeconds, makespanSeconds, tokensPerSecond, utilisation } = fleet.metrics;
  const { preemptions, refused } = fleet.metrics;
  const about = isEstimate ? "≈ " : "";
  const busy = utilisation.reduce((sum, each) => sum + each, 0) / utilisation.length;
  const priced =
    scene.pricePerHour === 0
      ? ["–", "once a GPU-hour has a price"]
      : [
          formatNumber(runPrice(scene, makespanSeconds)),
          `${counted(numDevices(scene), "GPU")} until the last job ends`,
        ];
  return element("dl", { class: "cards", "data-answer": isEstimate ? "first" : "whole" }, [
    card(
      "Turnaround, mean",
      `${about}${formatDuration(turnaroundSeconds.mean)}`,
      isEstimate ? "as fast as steps can be" : `95 % within ${formatDuration(turnaroundSeconds.p95)}`,
    ),
    card("Waiting, mean", `${about}${formatDuration(waitingSeconds.mean)}`, counted(preemptions, "preemption")),
    card(
      "All jobs",
      `${about}${formatDuration(makespanSeconds)}`,
      ["until the last one ends", ...(refused === 0 ? [] : [`${refused} refused`]), ...deadlineText(fleet)].join("; "),
    ),
    card(
      "Tokens per second",
      `${about}${formatNumber(tokensPerSecond)}`,
      [`pipelines at work ${formatShare(busy)} of the time`, ...fairnessText(fleet)].join("; "),
    ),
    card("Cost", priced[0]!, priced[1]!),
    oneMoreCard(shown, more),
  ]);
}

/** The same in a sentence. */
export function fleetSentence({ fleet }: ShownFleet): string {
  const { turnaroundSeconds, waitingSeconds, makespanSeconds } = fleet.metrics;
  return [
    `${fleet.whole === undefined ? "about " : ""}${formatDuration(turnaroundSeconds.mean)} mean turnaround`,
    `${formatDuration(waitingSeconds.mean)} of it waiting`,
    `${formatDuration(makespanSeconds)} in all`,
  ].join(", ");
}

/** Who trained when, and why. */
export function fleetSection({ fleet }: ShownFleet): HTMLElement {
  const meaning =
    "A row for each adapter, in the order in which they come; pointing at a bar, or walking there with the arrow keys, says what was decided and why.";
  return section("jobs-over-time", "Adapters over time", meaning, [createLiveGantt(fleet.part).node]);
}
