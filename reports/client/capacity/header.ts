import { counted } from "../../../core/index.ts";
import { type CapacityPageData, keptBound, nearestText, RESTS } from "../../capacity-data.ts";
import { adviceText, titleText } from "../../capacity-words.ts";
import { element } from "../element.ts";
import { formatNumber, formatShare } from "../format.ts";
import { card, factList } from "../header-parts.ts";
import { hours, levelName, money } from "./figures.ts";

function cards({ answer }: CapacityPageData): readonly HTMLElement[] {
  const { best, days } = answer;
  if (best === null) return [];
  const { cost, levels, kept, draws, utilisation, holds, sigma, provenance, assumes, kilowattHours } = best;
  const parts =
    best.candidate.tenure !== "buy"
      ? "rent"
      : `${money(cost.hardware, answer)} hardware, ${money(cost.energy, answer)} power`;
  return [
    card(
      `Cost of ${counted(days, "day")}`,
      money(cost.mean, answer),
      `${formatNumber(Math.round(cost.low))} to ${formatNumber(Math.round(cost.high))}; ${parts}`,
    ),
    ...levels.map((level) =>
      card(
        `${level.percent} % of ${levelName(level, best)} within`,
        hours(level.mean),
        `${hours(level.low)} to ${hours(level.high)}; level ${hours(level.levelHours)}`,
      ),
    ),
    card(
      "Level kept",
      `${kept} of ${draws}`,
      `draws: simulations of all days with random arrivals and errors of times; ${keptBound(best, answer)} of all` +
        (best.isSure ? "" : `, not sure to be ${formatShare(answer.probability)} of them`),
    ),
    card(
      "Accelerators train",
      formatShare(utilisation),
      `of the time, ${formatNumber(Math.round(kilowattHours))} kWh; ` +
        (holds === "queue" ? "jobs wait longer than they train" : "jobs train longer than they wait"),
    ),
    card(
      "Predicted times",
      `± ${formatShare(sigma)}`,
      `${RESTS[provenance]}; one standard deviation; software ${assumes.software}`,
    ),
  ];
}

/** What to have, and how sure that is. */
export function capacityHeader(data: CapacityPageData, contents: HTMLElement): HTMLElement {
  const { answer, date, version } = data;
  const { best, days, pricesOf, probability, objective } = answer;
  const facts: readonly (readonly [string, string])[] = [
    ["Forecast", counted(days, "day")],
    ["Prices of", pricesOf],
    ["Level to be kept in", `${formatShare(probability)} of the draws`],
    ["First by", objective],
    ["Draws", `${answer.draws} of every candidate, seed ${answer.seed}`],
    ["Made", `${date}, loratwin ${version}`],
  ];
  const said = best === null ? nearestText(answer) : adviceText(best);
  const title = best === null ? "No candidate keeps the level of service" : titleText(best);
  return element("header", {}, [
    element("p", { class: "eyebrow" }, ["loratwin capacity"]),
    element("h1", {}, [title.replace(" x ", " × ")]),
    ...(said === undefined ? [] : [element("p", { class: "meaning" }, [said])]),
    factList(facts),
    contents,
    element("dl", { class: "cards" }, cards(data)),
  ]);
}
