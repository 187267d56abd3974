import { line, scaleLinear } from "d3";
import type { CapacityAnswer } from "../../../plan/index.ts";
import {
  failureTexts,
  hoursText,
  lateShareText,
  moneyTexts,
  monthsText,
  shareText,
  wayText,
} from "../../capacity-words.ts";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame, responsiveChart } from "../chart.ts";
import { dataTable } from "../data-table.ts";
import { element, section } from "../element.ts";
import { formatNumber } from "../format.ts";
import { jobHue } from "../job-colours.ts";
import { openOnPaper } from "../print.ts";
import { exactAmount, figuresOf } from "./figures.ts";

const MARGINS = { top: 26, right: 18, bottom: 46, left: 84 };
const HEIGHT = 260;

type Money = NonNullable<CapacityAnswer["money"]>;

export function sentences(texts: readonly string[]): HTMLElement {
  return element(
    "ul",
    { class: "sentences" },
    texts.map((text) => element("li", {}, [text])),
  );
}

/** All that is paid until each month, a line for each way to have the machines. */
function drawPaid(svg: ChartSvg, frame: Frame, { ways }: Money, currency: string): void {
  const last = ways[0]!.months.at(-1)!.month;
  const all = ways.flatMap(({ months }) => months.map((month) => month.all));
  const x = scaleLinear([0, last], [frame.left, frame.right]);
  const y = scaleLinear([Math.min(0, ...all), Math.max(...all, 1)], [frame.bottom, frame.top]).nice();
  drawLeftAxis(svg, frame, y, { values: y.ticks(5), label: formatNumber }, `${currency}, paid until then`);
  const ticks = x.ticks(Math.min(last, frame.right - frame.left < 480 ? 5 : 12)).filter(Number.isInteger);
  drawBottomAxis(svg, frame, x, { values: ticks, label: String }, "month");
  const path = line<Money["ways"][number]["months"][number]>(
    ({ month }) => x(month),
    (month) => y(month.all),
  );
  for (const [index, { months }] of ways.entries())
    svg
      .append("path")
      .attr("class", "paid-line")
      .attr("d", path([...months]))
      .style("--hue", jobHue(index));
}

function keys({ ways }: Money): HTMLElement {
  return element(
    "div",
    { class: "keys" },
    ways.map(({ tenure }, index) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.setProperty("background", jobHue(index));
      return element("span", { class: "key" }, [swatch, wayText(tenure)]);
    }),
  );
}

/** What is paid, and when; what a job costs. */
export function moneySection(answer: CapacityAnswer): readonly HTMLElement[] {
  const { best, money, currency } = answer;
  if (best === null || money === null) return [];
  const own = money.ways.find(({ tenure }) => tenure === best.candidate.tenure)!;
  const ways = dataTable({
    caption: "The same machines in other ways",
    meaning: "Every way that the prices have. Buying pays once all payments for it are worth no more than the rent.",
    columns: [
      currency,
      "at once",
      "a month",
      monthsText(money.termMonths),
      "today's money",
      "buying pays after",
      "level",
    ],
    rows: money.ways.map(({ tenure, upFront, monthly, total, presentValue, breakEvenMonth, meets }) => [
      wayText(tenure),
      ...[upFront, monthly, total, presentValue].map(exactAmount),
      breakEvenMonth === null ? "–" : monthsText(breakEvenMonth),
      meets ? "kept" : "missed",
    ]),
  });
  const months = dataTable({
    caption: "Month by month",
    meaning:
      "What is paid for the recommended machines. The first row is paid at once, each other one at its month's end.",
    columns: ["month", `paid, ${currency}`, "paid until then"],
    rows: own.months.map(({ month, paid, all }) => [String(month), exactAmount(paid), exactAmount(all)]),
  });
  return [
    section("money", "Money", "What is paid for the recommended machines, and when.", [
      element("div", { class: "panel" }, [sentences(moneyTexts(answer, figuresOf(answer)))]),
      ways,
      element("div", { class: "panel queue-panel" }, [
        element("h3", {}, ["Paid until each month"]),
        keys(money),
        responsiveChart("All that is paid until each month", HEIGHT, MARGINS, (svg, frame) =>
          drawPaid(svg, frame, money, currency),
        ),
      ]),
      openOnPaper(element("details", { class: "months" }, [element("summary", {}, ["Month by month"]), months])),
    ]),
  ];
}

/** What a failure costs, and how many spare machines it takes. */
export function failuresSection(answer: CapacityAnswer): readonly HTMLElement[] {
  const { best, failures } = answer;
  if (best === null) return [];
  const texts = element("div", { class: "panel" }, [sentences(failureTexts(answer, figuresOf(answer)))]);
  const spares =
    failures === null || failures.spares.length === 0
      ? undefined
      : dataTable({
          caption: "Spare machines",
          meaning: "Each works in the place of one that is being repaired.",
          columns: [
            "spare machines",
            `${answer.currency} a year`,
            "hours too few work",
            ...best.levels.map(lateColumn),
            "enough",
          ],
          rows: failures.spares.map(({ spares: count, costPerYear, shortHoursPerYear, late, isEnough }) => [
            String(count),
            exactAmount(costPerYear),
            hoursText(shortHoursPerYear),
            ...late.map(lateShareText),
            isEnough ? "yes" : "no",
          ]),
        });
  return [
    section("failures", "Failures", "What it costs that machines fail, and whether a spare one helps.", [
      texts,
      spares,
    ]),
  ];
}

function lateColumn({ kinds, percent }: { readonly kinds: readonly string[]; readonly percent: number }): string {
  return `late ${kinds.join(", ")} (${shareText(1 - percent / 100)} may be)`;
}
