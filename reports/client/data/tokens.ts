import type { PageSequence, PageTokens } from "../../data-page-data.ts";
import { element } from "../element.ts";

/** Spaces, tabs and line ends as marks beside the others. */
const WHITESPACE = /[ \t\n]/;
const MARKS: Readonly<Record<string, string>> = { " ": "\u00b7", "\t": "\u21e5\t", "\n": "\u23ce\n" };

function textNodes(text: string): readonly (Node | string)[] {
  if (!WHITESPACE.test(text)) return [text];
  return text
    .split(/([ \t\n])/)
    .filter((piece) => piece !== "")
    .map((piece) => (MARKS[piece] === undefined ? piece : element("span", { class: "space" }, [MARKS[piece]])));
}

interface TokenFacts {
  readonly number: number;
  readonly ids: readonly number[];
  readonly isTrained: boolean;
  readonly isSpecial: boolean;
}

function meaning({ number, ids, isTrained, isSpecial }: TokenFacts): string {
  const which =
    ids.length === 1
      ? `token ${number}, id ${ids[0]}`
      : `tokens ${number} to ${number + ids.length - 1}, ids ${ids.join(" ")}`;
  return `${which}, ${isSpecial ? "special, " : ""}${isTrained ? "trained" : "not trained"}`;
}

function tokenElements({ first, texts, ids, marks }: PageTokens): readonly HTMLElement[] {
  let number = first + 1;
  return texts.map((text, at) => {
    const own = [ids[at]!].flat();
    const mark = marks[at]!;
    const [isTrained, isSpecial] = [mark.toLowerCase() === "t", mark !== mark.toLowerCase()];
    const title = meaning({ number, ids: own, isTrained, isSpecial });
    number += own.length;
    const classes = [
      "token",
      isTrained ? "trained" : "masked",
      ...(isSpecial ? ["special"] : []),
      ...(at % 2 ? ["odd"] : []),
    ];
    return element("span", { class: classes.join(" "), title }, textNodes(text));
  });
}

/** Where an arrow key goes among so many. */
function moved(key: string, at: number, count: number): number | undefined {
  switch (key) {
    case "ArrowRight":
      return Math.min(count - 1, at + 1);
    case "ArrowLeft":
      return Math.max(0, at - 1);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

/** The tokens of a sequence. With arrow keys one goes through them, and a line below says which they are. */
export function tokensOf({ parts, gap, numTokens }: PageSequence, label: string): HTMLElement {
  const tokens: HTMLElement[] = [];
  const box = element("div", {
    class: "tokens",
    tabindex: "0",
    role: "group",
    "aria-label": `Tokens of ${label}; arrow keys go through them`,
  });
  parts.forEach((part, index) => {
    if (index > 0) box.append(element("span", { class: "gap" }, [gap ?? ""]));
    const made = tokenElements(part);
    tokens.push(...made);
    box.append(...made);
  });
  const readout = element("p", { class: "readout", "aria-live": "polite" });
  let current = -1;
  const show = (at: number): void => {
    tokens[current]?.classList.remove("current");
    current = at;
    const token = tokens[at]!;
    token.classList.add("current");
    token.scrollIntoView({ block: "nearest" });
    readout.textContent = `${token.title} of ${numTokens}: ${JSON.stringify(token.textContent)}`;
  };
  box.addEventListener("keydown", (event) => {
    const next = moved(event.key, current, tokens.length);
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    show(next);
  });
  box.addEventListener("click", (event) => {
    const token = event.target instanceof Element ? event.target.closest<HTMLElement>(".token") : null;
    if (token !== null) show(tokens.indexOf(token));
  });
  return element("div", {}, [box, readout]);
}
