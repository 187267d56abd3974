import type { PaperPageData, PaperPageRow } from "../../paper-data.ts";
import { element, section } from "../element.ts";
import { formatError, formatNumber } from "../format.ts";
import type { CellBox } from "./cell-box.ts";
import { distinct, modelName, SYSTEM_ORDER, systemHue, systemName } from "./systems.ts";

function bar(row: PaperPageRow, kind: "published" | "predicted", most: number): HTMLElement {
  const value = row[kind];
  if (value === "out of memory") return element("div", { class: "rate-bar is-missing" }, [`${kind}: out of memory`]);
  const width = `${((100 * value) / most).toFixed(2)}%`;
  return element("div", { class: "rate-bar" }, [
    element("div", {
      class: `rate-fill rate-${kind}`,
      style: `width: ${width}; --system: ${systemHue(row.system)}`,
      role: "img",
      "aria-label": `${systemName(row.system)}, ${kind}: ${formatNumber(value)} tokens a second`,
    }),
    element("span", { class: "rate-value" }, [formatNumber(Math.round(value))]),
  ]);
}

function systemBars(row: PaperPageRow, most: number, box: CellBox): HTMLElement {
  const { error, system, adapters } = row;
  const name = `${systemName(system)}${system === "lorapp" ? `, ${adapters} adapters` : ""}`;
  const made = element("div", { class: "rate-system" }, [
    element("div", { class: "rate-name" }, [
      name,
      error === null ? undefined : element("span", { class: "rate-error" }, [formatError(error)]),
    ]),
    bar(row, "published", most),
    bar(row, "predicted", most),
  ]);
  made.addEventListener("pointermove", (event) => box.show(row, event));
  made.addEventListener("pointerleave", () => box.hide());
  return made;
}

/** Figure 11: a pair of bars for each system, one group a model. */
export function throughputSection(data: PaperPageData, box: CellBox): HTMLElement {
  const rows = data.rows.filter(({ figure }) => figure === "11");
  const groups = distinct(rows.map(({ model }) => model)).map((model) => {
    const own = rows
      .filter((row) => row.model === model)
      .sort((a, b) => SYSTEM_ORDER.indexOf(a.system) - SYSTEM_ORDER.indexOf(b.system));
    const rates = own
      .flatMap(({ published, predicted }) => [published, predicted])
      .filter((value) => typeof value === "number");
    return element("figure", {}, [
      element("figcaption", {}, [modelName(model)]),
      ...own.map((row) => systemBars(row, Math.max(...rates), box)),
    ]);
  });
  const meaning =
    "Tokens a second, the best of each system; more is better. The full bar is published, the hatched one below it predicted. Each model has a scale of its own.";
  return section("throughput", "Throughput (Fig. 11)", meaning, [
    element("div", { class: "panel" }, [element("div", { class: "small-multiples" }, groups)]),
  ]);
}
