import { area, scaleLinear } from "d3";
import type { CapacityAnswer, Week } from "../../../plan/index.ts";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame, responsiveChart } from "../chart.ts";
import { element, section } from "../element.ts";
import { formatShare } from "../format.ts";

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HOURS = 24;
const MARGINS = { top: 26, right: 14, bottom: 44, left: 52 };
const HEIGHT = 190;

/** A cell an hour, darker where more slots train: the darkest are those of the busiest hour. */
function heatMap({ busy }: Week): HTMLElement {
  const most = Math.max(...busy, Number.MIN_VALUE);
  const numDays = Math.ceil(busy.length / HOURS);
  const head = element("tr", {}, [
    element("th", { scope: "col" }, [element("span", { class: "visually-hidden" }, ["day"])]),
    ...Array.from({ length: HOURS }, (_, hour) => element("th", { scope: "col" }, [hour % 3 === 0 ? `${hour}` : ""])),
  ]);
  const rows = Array.from({ length: numDays }, (_, day) =>
    element("tr", {}, [
      element("th", { scope: "row" }, [
        element("span", { class: "day-long" }, [DAYS[day]!]),
        element("span", { class: "day-short" }, [DAYS[day]!.slice(0, 2)]),
      ]),
      ...busy.slice(day * HOURS, (day + 1) * HOURS).map((share, hour) => {
        const title = `${DAYS[day]} ${hour}:00: ${formatShare(share)} of the slots train`;
        const cell = element("td", { title }, [element("span", { class: "visually-hidden" }, [formatShare(share)])]);
        cell.style.setProperty("--share", `${Math.round((100 * share) / most)}%`);
        return cell;
      }),
    ]),
  );
  return element("table", { class: "heat" }, [element("thead", {}, [head]), element("tbody", {}, rows)]);
}

function drawQueue(svg: ChartSvg, frame: Frame, { waiting }: Week): void {
  const most = Math.max(...waiting);
  const x = scaleLinear([0, waiting.length], [frame.left, frame.right]);
  const y = scaleLinear([0, most * 1.05], [frame.bottom, frame.top]);
  drawLeftAxis(svg, frame, y, { values: y.ticks(4), label: String }, "jobs that wait");
  const days = Array.from({ length: Math.ceil(waiting.length / HOURS) }, (_, day) => day * HOURS);
  const isNarrow = frame.right - frame.left < 480;
  const label = (hour: number): string => DAYS[hour / HOURS]!.slice(0, isNarrow ? 2 : 3);
  drawBottomAxis(svg, frame, x, { values: days, label }, "");
  const shape = area<number>(
    (_, hour) => x(hour + 0.5),
    frame.bottom,
    (jobs) => y(jobs),
  );
  svg
    .append("path")
    .attr("class", "queue-area")
    .attr("d", shape([...waiting]));
}

/** How the recommended machines are used over a week. */
export function weekSection({ week }: CapacityAnswer): readonly HTMLElement[] {
  if (week === null) return [];
  const { busy, waiting } = week;
  const [least, most] = [formatShare(Math.min(...busy)), formatShare(Math.max(...busy))];
  const queue =
    Math.max(...waiting) < 0.05
      ? element("p", { class: "hint" }, ["Hardly a job waits at any hour."])
      : responsiveChart("Jobs that wait, by the hour of a week", HEIGHT, MARGINS, (svg, frame) =>
          drawQueue(svg, frame, week),
        );
  const meaning = `The recommended machines, hour by hour, on average over all weeks and draws: ${least} to ${most} of the slots train. The darkest hours are those with ${most}.`;
  return [
    section("week", "Over the week", meaning, [
      element("div", { class: "panel" }, [element("h3", {}, ["Slots that train"]), heatMap(week)]),
      element("div", { class: "panel queue-panel" }, [element("h3", {}, ["Queue"]), queue]),
    ]),
  ];
}
