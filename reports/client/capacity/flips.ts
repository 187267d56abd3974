import { scaleLinear } from "d3";
import type { CapacityAnswer, Flip } from "../../../plan/index.ts";
import { candidateText } from "../../capacity-data.ts";
import { element, section } from "../element.ts";
import { formatError } from "../format.ts";
import { money } from "./figures.ts";

/** A bar from what the answer costs to what it would cost, in hundredths of the width. */
function bar({ cost, isOther }: Flip, from: number, x: (cost: number) => number): HTMLElement {
  const made = element("span", { class: `flip-bar${isOther ? " is-other" : ""}` });
  if (cost === null) return made;
  const [left, right] = [x(Math.min(cost, from)), x(Math.max(cost, from))];
  made.style.setProperty("left", `${left}%`);
  made.style.setProperty("width", `${Math.max(0.4, right - left)}%`);
  return made;
}

function line(flip: Flip, answer: CapacityAnswer, from: number, x: (cost: number) => number): HTMLElement {
  const { what, cost, candidate, isOther } = flip;
  const then = candidate === null ? "none keeps the level" : isOther ? candidateText(candidate) : "the same";
  const axis = element("span", { class: "flip-axis" });
  axis.style.setProperty("left", `${x(from)}%`);
  return element("tr", {}, [
    element("th", { scope: "row" }, [what]),
    element("td", { class: "flip-cell" }, [element("span", { class: "flip-track" }, [axis, bar(flip, from, x)])]),
    element("td", { class: "number" }, [cost === null ? "–" : money(cost, answer)]),
    element("td", { class: "number" }, [cost === null ? "" : formatError(cost / from - 1)]),
    element("td", { class: isOther ? "flip-other" : "" }, [then]),
  ]);
}

/** What the answer becomes where something is otherwise; what matters most comes first. */
export function flipsSection(answer: CapacityAnswer): readonly HTMLElement[] {
  const { best, flips } = answer;
  if (best === null || flips.length === 0) return [];
  const from = best.cost.mean;
  const change = ({ cost }: Flip): number => (cost === null ? Number.MAX_VALUE : Math.abs(cost - from));
  const costs = flips.flatMap(({ cost }) => (cost === null ? [] : [cost]));
  const x = scaleLinear([Math.min(from, ...costs), Math.max(from, ...costs)], [0, 100]);
  const rows = [...flips].sort((a, b) => change(b) - change(a)).map((flip) => line(flip, answer, from, x));
  const head = ["otherwise", "less | more", "cost", "change", "the best then"].map((name, column) =>
    element("th", { scope: "col", ...(column === 2 || column === 3 ? { class: "number" } : {}) }, [name]),
  );
  const meaning =
    "The search again with one thing otherwise, in a few draws. Bars that are filled are of other machines.";
  return [
    section("flips", "What flips the answer", meaning, [
      element("div", { class: "panel table-panel" }, [
        element("table", { class: "flips" }, [
          element("thead", {}, [element("tr", {}, head)]),
          element("tbody", {}, rows),
        ]),
      ]),
    ]),
  ];
}
