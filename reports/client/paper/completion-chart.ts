import { line, scaleLinear } from "d3";
import type { PaperPageData, PaperPageRow } from "../../paper-data.ts";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame, responsiveChart } from "../chart.ts";
import { element, section } from "../element.ts";
import type { CellBox } from "./cell-box.ts";
import { distinct, modelName, systemHue, systemName } from "./systems.ts";

type Kind = "published" | "predicted";
const KINDS: readonly Kind[] = ["published", "predicted"];
const MARGINS = { top: 30, right: 10, bottom: 44, left: 36 };

function numbers(rows: readonly PaperPageRow[]): readonly number[] {
  return rows.flatMap(({ published, predicted }) =>
    [published, predicted].filter((value) => typeof value === "number"),
  );
}

/** A level line: systems that train one adapter after another are as fast with any number of them. */
function drawLevel(svg: ChartSvg, frame: Frame, y: number, row: PaperPageRow, kind: Kind, box: CellBox): void {
  const level = (name: string) =>
    svg.append("line").attr("class", name).attr("x1", frame.left).attr("x2", frame.right).attr("y1", y).attr("y2", y);
  level(`other-line ${kind}-line`).style("stroke", systemHue(row.system));
  // A wide invisible line on top, so that it can be pointed at.
  level("hit-line")
    .on("pointermove", (event: PointerEvent) => box.show(row, event))
    .on("pointerleave", () => box.hide());
}

function draw(svg: ChartSvg, frame: Frame, rows: readonly PaperPageRow[], box: CellBox): void {
  const lorapp = rows.filter(({ system }) => system === "lorapp");
  const most = Math.max(2, ...lorapp.map(({ adapters }) => adapters));
  const x = scaleLinear([0.6, most + 0.4], [frame.left, frame.right]);
  const y = scaleLinear([0, Math.max(...numbers(rows)) * 1.06], [frame.bottom, frame.top]);
  drawLeftAxis(svg, frame, y, { values: y.ticks(5), label: String }, "hours");
  const every = Math.ceil(most / Math.max(2, Math.floor((frame.right - frame.left) / 28)));
  const counts = Array.from({ length: most }, (_, index) => index + 1).filter((count) => (count - 1) % every === 0);
  drawBottomAxis(svg, frame, x, { values: counts, label: String }, "adapters at once");
  for (const row of rows.filter(({ system }) => system !== "lorapp"))
    for (const kind of KINDS) {
      const value = row[kind];
      if (typeof value === "number") drawLevel(svg, frame, y(value), row, kind, box);
    }
  for (const kind of KINDS) {
    const points = lorapp.filter((row) => typeof row[kind] === "number");
    const path = line<PaperPageRow>(
      ({ adapters }) => x(adapters),
      (row) => y(row[kind] as number),
    );
    svg
      .append("path")
      .attr("class", `lorapp-line ${kind}-line`)
      .style("stroke", systemHue("lorapp"))
      .attr("d", path(points));
    svg
      .append("g")
      .selectAll("circle")
      .data(points)
      .join("circle")
      .attr("class", ({ use }) => `point ${kind}-point${use === "calibration" ? " is-calibration" : ""}`)
      .style("--system", systemHue("lorapp"))
      .attr("r", 4.5)
      .attr("cx", ({ adapters }) => x(adapters))
      .attr("cy", (row) => y(row[kind] as number))
      .on("pointermove", (event: PointerEvent, row) => box.show(row, event))
      .on("pointerleave", () => box.hide());
  }
}

/** Lines beside names: which system, published or predicted. */
function keys(systems: readonly string[]): HTMLElement {
  const lineKey = (kind: Kind): HTMLElement =>
    element("span", { class: "key" }, [element("span", { class: `line-key ${kind}-key` }), kind]);
  return element("div", { class: "keys paper-keys" }, [
    ...systems.map((system) =>
      element("span", { class: "key" }, [
        element("span", { class: "swatch", style: `background: ${systemHue(system)}` }),
        systemName(system),
      ]),
    ),
    ...KINDS.map(lineKey),
    element("span", { class: "key" }, [element("span", { class: "calibration-key" }), "fitted to"]),
  ]);
}

function missingText(rows: readonly PaperPageRow[]): string {
  return rows
    .filter(({ published }) => published === "out of memory")
    .map(({ system, predicted }) => {
      const also = predicted === "out of memory" ? "as predicted" : "but predicted to run";
      return `${systemName(system)}: out of memory, ${also}`;
    })
    .join("; ");
}

/** Figure 7: one chart a model. */
export function completionSection(data: PaperPageData, box: CellBox): HTMLElement {
  const rows = data.rows.filter(({ figure }) => figure === "7");
  const charts = distinct(rows.map(({ model }) => model)).map((model) => {
    const own = rows.filter((row) => row.model === model);
    const missing = missingText(own);
    const label = `Completion time of ${modelName(model)} against the number of adapters, published and predicted`;
    return element("figure", {}, [
      element("figcaption", {}, [modelName(model)]),
      responsiveChart(label, 300, MARGINS, (svg, frame) => draw(svg, frame, own, box)),
      missing === "" ? undefined : element("p", { class: "hint" }, [missing]),
    ]);
  });
  const meaning =
    "Hours until a job is done, divided by the jobs that run at once; less is better. LoRAPP is drawn by the number of adapters that it trains at once; the others train one after another.";
  return section("completion", "Completion time (Fig. 7)", meaning, [
    element("div", { class: "panel" }, [
      keys(distinct(rows.map(({ system }) => system))),
      element("div", { class: "small-multiples" }, charts),
    ]),
  ]);
}
