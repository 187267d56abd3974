import type { CapacityAnswer } from "../../../plan/index.ts";
import { kindText, notCounted, priceText, shareText } from "../../capacity-words.ts";
import { dataTable } from "../data-table.ts";
import { section } from "../element.ts";
import { acceleratorsOf, figuresOf, hours } from "./figures.ts";

/** Prices, jobs and all else that the answer is computed from. */
export function inputsSection(answer: CapacityAnswer): readonly HTMLElement[] {
  const { forecast, prices, best } = answer;
  const { money, count } = figuresOf(answer);
  const names = acceleratorsOf(answer);
  const kinds = forecast.kinds.map((kind) => [kind.name, kindText(kind, count).slice(kind.name.length + 2)]);
  const rates = names.map((name) => [name, priceText(prices.accelerators[name]!, money)]);
  const { growthPerMonth, startSeconds, level } = forecast;
  const others: readonly (readonly [string, string])[] = [
    [
      "Level",
      `${level.percent} % of jobs end within ${hours(level.hours)} of their arrival, where a kind has no other`,
    ],
    ["Arrivals", forecast.hourly === undefined ? "as many in each hour of a day" : "more in some hours of a day"],
    ["Growth", growthPerMonth === 1 ? "none" : `${growthPerMonth} times as many jobs 30 days later`],
    ["Start", `${startSeconds} s from a job's place on a slot to its first step`],
    ["Memory", "94 % of an accelerator's memory is usable"],
    [
      "Power",
      `${money(prices.perKilowattHour)} a kWh; ${prices.powerFactor} W are drawn for each watt of an accelerator; an idle one that was bought takes the share beside its price`,
    ],
    ["Interest", prices.interest === 0 ? "none" : `${shareText(prices.interest)} a year, a twelfth of it each month`],
    ["Not in the prices", notCounted(answer)],
    ...(best === null
      ? []
      : ([
          ["Software", best.assumes.software],
          ["Times", best.assumes.device],
          ["Kernels", best.assumes.kernels],
        ] as const)),
  ];
  return [
    section("inputs", "What this rests on", `As the files had it; prices of ${prices.date}.`, [
      dataTable({
        caption: "Jobs",
        meaning: "",
        columns: ["kind", "as forecast"],
        rows: kinds,
        texts: ["as forecast"],
      }),
      dataTable({
        caption: "Prices",
        meaning: "Of one accelerator, with its share of the machine.",
        columns: ["accelerator", "price"],
        rows: rates,
        texts: ["price"],
      }),
      dataTable({ caption: "Assumptions", meaning: "", columns: ["", "assumed"], rows: others, texts: ["assumed"] }),
    ]),
  ];
}
