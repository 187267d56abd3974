import { element } from "../../reports/client/index.ts";
import type { Reply } from "../reply-message.ts";
import { choiceSection } from "./choice-section.ts";
import { figureCards, figureSentence } from "./figures.ts";
import { fleetCards, fleetSection, fleetSentence, type ShownFleet } from "./fleet-results.ts";
import { keepPlaces } from "./keep-place.ts";
import { shareSection } from "./share-section.ts";
import type { AskedScene, ShownAnswer } from "./shown-answer.ts";
import { stagesSection } from "./stages-section.ts";
import { timelineSection } from "./timeline-section.ts";
import { createWaysPanel } from "./ways-panel.ts";

/** The side of the page that follows a scene. */
export interface Results {
  readonly node: HTMLElement;
  show(asked: AskedScene, reply: Reply): void;
  /** A scene that asks for more than the page answers. */
  refuse(message: string): void;
  /** What was wrong with the page's address; "" for nothing. */
  warn(message: string): void;
}

function isOpen(id: string): boolean {
  return (document.getElementById(id) as HTMLDetailsElement | null)?.open ?? false;
}

/** `askWays`: a person wants to see two ways side by side. */
export function createResults(askWays: Parameters<typeof createWaysPanel>[0]): Results {
  const warning = element("p", { class: "fault", role: "alert", hidden: "" });
  const fault = element("div", { class: "fault", role: "alert", tabindex: "0", hidden: "" });
  const strip = element("p", { class: "strip", role: "status", "aria-live": "polite" });
  const cards = element("div", { class: "figures" });
  const body = element("div", { class: "answers" });
  const places = keepPlaces(body);
  const ways = createWaysPanel(askWays);
  /** The cards of the answer that is shown, with what one more GPU brings. */
  let shown: ((more: Reply | undefined) => HTMLElement) | undefined;

  const say = (node: HTMLElement, text: string): void => {
    node.textContent = text;
    node.hidden = text === "";
  };
  const refuse = (message: string): void => {
    say(fault, message);
    strip.textContent = message.split("\n")[0]!;
    // What is still shown is not of this scene.
    for (const node of [cards, body]) node.classList.add("is-old");
  };
  /** Shows cards and sections of another answer, with its sentence. */
  const draw = (figures: HTMLElement, sentence: string, sections: () => readonly HTMLElement[]): void => {
    say(fault, "");
    for (const node of [cards, body]) node.classList.remove("is-old");
    strip.textContent = sentence;
    cards.replaceChildren(figures);
    places.around(() => body.replaceChildren(...sections()));
  };
  const drawPlan = (answer: ShownAnswer): void => {
    shown = (more) => figureCards(answer, more === undefined || "error" in more || "answer" in more ? more : undefined);
    ways.offer(answer);
    draw(shown(undefined), figureSentence(answer), () => [
      timelineSection(answer.report, {
        isEstimate: answer.estimate !== undefined,
        isTableOpen: isOpen("actions"),
      }),
      stagesSection(answer),
      choiceSection(answer, ways.open),
      ways.node,
      shareSection(answer, answer.estimate === undefined ? answer.answer.json : undefined),
    ]);
  };
  const drawFleet = (answer: ShownFleet): void => {
    shown = (more) => fleetCards(answer, more === undefined || "error" in more || "fleet" in more ? more : undefined);
    draw(shown(undefined), fleetSentence(answer), () => [
      fleetSection(answer),
      shareSection(answer, answer.fleet.whole?.json),
    ]);
  };
  return {
    node: element("div", {}, [warning, strip, fault, cards, body]),
    show(asked, reply) {
      if (reply.kind === "one more") {
        if (shown !== undefined) cards.replaceChildren(shown(reply));
      } else if (reply.kind === "two ways") {
        if ("ways" in reply || "error" in reply) ways.show(reply);
      } else if ("error" in reply) refuse(reply.error);
      else if ("fleet" in reply) drawFleet({ ...asked, fleet: reply.fleet });
      else if ("answer" in reply)
        drawPlan({ ...asked, answer: reply.answer, report: reply.report!, estimate: reply.run });
    },
    refuse,
    warn: (message) => say(warning, message),
  };
}
