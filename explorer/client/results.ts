import { element } from "../../reports/client/index.ts";
import type { Reply } from "../messages.ts";
import type { Scene } from "../scene.ts";
import { choiceSection } from "./choice-section.ts";
import { figureCards, figureSentence } from "./figures.ts";
import { shareSection } from "./share-section.ts";
import type { OneMore, ShownAnswer } from "./shown-answer.ts";
import { stagesSection } from "./stages-section.ts";
import { timelineSection } from "./timeline-section.ts";

/** The side of the page that follows a scene. */
export interface Results {
  readonly node: HTMLElement;
  show(scene: Scene, reply: Reply): void;
  /** A scene that asks for more than the page answers. */
  refuse(message: string): void;
  /** What was wrong with the page's address; "" for nothing. */
  warn(message: string): void;
}

function isOpen(id: string): boolean {
  return (document.getElementById(id) as HTMLDetailsElement | null)?.open ?? false;
}

/** Draws anew, and leaves what a person has opened as it was. */
function keepingOpen(draw: () => void): void {
  const opened = [...document.querySelectorAll<HTMLDetailsElement>("details[open][id]")].map(({ id }) => id);
  draw();
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
}

export function createResults(): Results {
  const warning = element("p", { class: "fault", role: "alert", hidden: "" });
  const fault = element("div", { class: "fault", role: "alert", hidden: "" });
  const strip = element("p", { class: "strip", role: "status", "aria-live": "polite" });
  const cards = element("div", { class: "figures" });
  const body = element("div", { class: "answers" });
  let shown: ShownAnswer | undefined;

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
  const drawCards = (more: OneMore): void => cards.replaceChildren(figureCards(shown!, more));
  const draw = (answer: ShownAnswer): void => {
    say(fault, "");
    shown = answer;
    for (const node of [cards, body]) node.classList.remove("is-old");
    strip.textContent = figureSentence(answer);
    drawCards(undefined);
    keepingOpen(() =>
      body.replaceChildren(
        timelineSection(answer.report, answer.estimate !== undefined, isOpen("actions")),
        stagesSection(answer),
        choiceSection(answer),
        shareSection(answer),
      ),
    );
  };
  return {
    node: element("div", {}, [warning, strip, fault, cards, body]),
    show(scene, reply) {
      if (reply.kind === "one more") {
        if (shown !== undefined) drawCards("error" in reply ? { error: reply.error } : reply);
      } else if ("error" in reply) refuse(reply.error);
      else draw({ scene, answer: reply.answer, report: reply.report!, estimate: reply.run });
    },
    refuse,
    warn: (message) => say(warning, message),
  };
}
