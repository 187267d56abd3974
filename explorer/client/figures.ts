import { counted } from "../../core/index.ts";
import { card, element, formatDuration, formatMemory, formatNumber, formatShare } from "../../reports/client/index.ts";
import type { StageAnswer } from "../answer-scene.ts";
import { isComparison } from "../comparison.ts";
import { numDevices, type Scene } from "../scene.ts";
import { type OneMore, oneMorePrice, runFigures, runPrice, type ShownAnswer } from "./shown-answer.ts";

/** "+6.3 %" */
export function signedShare(change: number): string {
  return `${change < 0 ? "" : "+"}${formatShare(change)}`;
}

function bubbleText({ answer: { metrics } }: ShownAnswer): readonly [main: string, detail: string] {
  const { bubbleRatio, bubbleRatioTotal } = metrics;
  if (bubbleRatio === null) return [formatShare(bubbleRatioTotal), "of the run, in which devices wait"];
  return [formatShare(bubbleRatio), `of the steady part; ${formatShare(bubbleRatioTotal)} with filling and draining`];
}

/** The stage whose device is the fullest. */
function fullest(stages: readonly StageAnswer[]): StageAnswer {
  const fill = ({ memoryBytes, capacityBytes }: StageAnswer): number =>
    capacityBytes === null ? 0 : memoryBytes / capacityBytes;
  return [...stages].sort((a, b) => fill(b) - fill(a) || b.memoryBytes - a.memoryBytes)[0]!;
}

function memoryText({ answer: { stages }, scene }: ShownAnswer): readonly [main: string, detail: string] {
  const { memoryBytes, capacityBytes, device } = fullest(stages);
  const of = capacityBytes === null ? "" : ` of ${formatMemory(capacityBytes)}`;
  return [formatMemory(memoryBytes), `${isComparison(scene.schedule) ? "at most" : "reserved"} on ${device}${of}`];
}

function priceText(scene: Scene, seconds: number): readonly [main: string, detail: string] {
  const { pricePerHour } = scene;
  if (pricePerHour === 0) return ["–", "once a GPU-hour has a price"];
  const price = runPrice(scene, seconds);
  return [formatNumber(price), `${counted(numDevices(scene), "GPU")} at ${pricePerHour} an hour each`];
}

function oneMoreText(shown: ShownAnswer, more: OneMore): readonly [main: string, detail: string] {
  if (more === undefined) return ["…", "is simulated after the run itself"];
  if ("error" in more) return ["–", more.error.split("\n")[0]!];
  const [now, then] = [runFigures(shown), more.answer.metrics];
  const seconds = `${formatDuration(then.makespanSeconds)}, ${formatNumber(then.tokensPerSecond)} tokens/s`;
  const { scene } = shown;
  const price =
    scene.pricePerHour === 0
      ? ""
      : `; costs ${formatNumber(oneMorePrice(scene, then.makespanSeconds))}, ${signedShare(
          oneMorePrice(scene, then.makespanSeconds) / runPrice(scene, now.makespanSeconds) - 1,
        )}`;
  return [`${signedShare(then.tokensPerSecond / now.tokensPerSecond - 1)} tokens/s`, `${seconds}${price}`];
}

/** The figures of a scene side by side. */
export function figureCards(shown: ShownAnswer, more: OneMore): HTMLElement {
  const { makespanSeconds, tokensPerSecond } = runFigures(shown);
  const about = shown.estimate === undefined ? "" : "≈ ";
  const { estimate, answer, scene } = shown;
  const rests =
    estimate === undefined
      ? answer.meanError === 0
        ? "exact, by constant times"
        : `times are about ${formatShare(answer.meanError)} off, up or down`
      : `from ${estimate.simulatedSteps} of ${counted(estimate.steps, "step")}`;
  return element("dl", { class: "cards", "data-answer": estimate === undefined ? "whole" : "first" }, [
    card("Time", `${about}${formatDuration(makespanSeconds)}`, rests),
    card("Tokens per second", `${about}${formatNumber(tokensPerSecond)}`, "of all adapters together"),
    card("Bubble", ...bubbleText(shown)),
    card("Fullest GPU", ...memoryText(shown)),
    card("Cost of the run", ...priceText(scene, makespanSeconds)),
    card("One more GPU", ...oneMoreText(shown, more)),
  ]);
}

/** The same in a sentence, for a narrow window and for who does not see the page. */
export function figureSentence(shown: ShownAnswer): string {
  const { makespanSeconds, tokensPerSecond } = runFigures(shown);
  const figures = [
    `${shown.estimate === undefined ? "" : "about "}${formatDuration(makespanSeconds)}`,
    `${formatNumber(tokensPerSecond)} tokens/s`,
    `bubble ${bubbleText(shown)[0]}`,
    `${memoryText(shown)[0]} on the fullest GPU`,
    ...(shown.scene.pricePerHour === 0 ? [] : [`cost ${priceText(shown.scene, makespanSeconds)[0]}`]),
  ];
  return figures.join(", ");
}
