import type { PaperPageData } from "../../paper-data.ts";
import { element, section } from "../element.ts";

/** What no number of this page claims. */
const NOT_PREDICTED = [
  "Differences between figures 7 and 11 for one and the same run, 3 to 8 %: at least one of the two is off.",
  "FSDP of the smallest model: every gather there seems to cost 12 ms more than its bytes, which no other cell shows. A parameter for it would be a fit.",
  "Memory of FSDP with 13B in its steady state, which fits: it is out of memory only because each device holds the whole fp32 model while it is cut.",
  "The runs on eight RTX 3090 in eight machines: 1.1B is published as slower than 7B there, so that they are neither fitted nor scored.",
  "Losses, and anything else that depends on the text that was trained on.",
];

/** Who is faster than whom, and what is left out. */
export function orderingsSection({ orderings }: PaperPageData): HTMLElement {
  const items = orderings.map(({ statement, holds }) =>
    element("li", { class: holds ? "holds" : "fails" }, [
      element("span", { class: "mark", "aria-hidden": "true" }, [holds ? "✓" : "✗"]),
      element("span", {}, [`${statement}${holds ? "" : " (predicted the other way round)"}`]),
    ]),
  );
  return section("orderings", "Who is faster", "Pairs of Fig. 7 that differ by more than half a percent.", [
    element("div", { class: "panel" }, [element("ul", { class: "orderings" }, items)]),
    element("h3", { class: "after-panel" }, ["What is not predicted"]),
    element(
      "ul",
      { class: "notes" },
      NOT_PREDICTED.map((text) => element("li", {}, [text])),
    ),
  ]);
}
