import type { PaperPageData, PaperPageScore } from "../../paper-data.ts";
import { element } from "../element.ts";
import { formatMemory, formatShare } from "../format.ts";
import { card, factList } from "../header-parts.ts";

function scoreCard({ of, rows, mean, worst }: PaperPageScore): HTMLElement {
  return card(of, formatShare(mean), `mean error of ${rows} cells, worst ${formatShare(worst)}`);
}

/** What was predicted from what, and how well. */
export function paperHeader(data: PaperPageData): HTMLElement {
  const { figures, orderings, scores, device, numDevices, capacityBytes, rows } = data;
  const counted = (origin: string): number => figures.filter((figure) => figure.origin === origin).length;
  const fitted = rows.filter(({ use }) => use === "calibration").length;
  const facts: readonly (readonly [string, string])[] = [
    ["Platform", `${numDevices} × ${device}, ${formatMemory(capacityBytes)} each`],
    ["Numbers", `${counted("calibrated")} fitted, ${counted("given")} given, ${counted("assumed")} assumed`],
    ["Cells", `${rows.length} published, ${fitted} of them used for the fit`],
    ["Made", `${data.date}, loratwin ${data.version}`],
  ];
  const held = orderings.filter(({ holds }) => holds).length;
  return element("header", {}, [
    element("p", { class: "eyebrow" }, ["loratwin paper"]),
    element("h1", {}, [data.title]),
    factList(facts),
    element("dl", { class: "cards" }, [
      ...scores.map(scoreCard),
      card("Who is faster, Fig. 7", `${held} of ${orderings.length}`, "published orderings that are predicted too"),
    ]),
  ]);
}
