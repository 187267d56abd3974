import type { PaperPageData, PaperPageFigure, PaperPageVariation } from "../../paper-data.ts";
import { dataTable } from "../data-table.ts";
import { element, section } from "../element.ts";
import { formatShare } from "../format.ts";

const ORIGINS: Readonly<Record<PaperPageFigure["origin"], { readonly name: string; readonly badge: string }>> = {
  calibrated: { name: "fitted", badge: "badge badge-fit" },
  given: { name: "given", badge: "badge" },
  assumed: { name: "assumed", badge: "badge badge-off" },
};
const ORDER = Object.keys(ORIGINS);

/** Four digits, and powers of ten for what is far from one. */
function figureText({ value, unit }: PaperPageFigure): string {
  const isFar = Math.abs(value) >= 1e5 || Math.abs(value) < 1e-4;
  const text = isFar
    ? `${Number(value.toPrecision(4)).toExponential().replace("e+", "e")}`
    : `${Number(value.toPrecision(4))}`;
  return `${text} ${unit}`.trim();
}

function variationTable(variations: readonly PaperPageVariation[]): HTMLElement {
  return dataTable({
    caption: "What each assumed figure decides",
    meaning: "Errors of Fig. 7 when it is halved or doubled and the numbers are fitted again.",
    columns: [
      "Figure",
      "Times",
      "Pipelines, mean",
      "Pipelines, worst",
      "Tensor parallel, mean",
      "Tensor parallel, worst",
    ],
    rows: variations.map(({ figure, factor, pipelines, tensorParallel }) => [
      figure,
      `${factor}`,
      formatShare(pipelines.mean),
      formatShare(pipelines.worst),
      formatShare(tensorParallel.mean),
      formatShare(tensorParallel.worst),
    ]),
  });
}

/** Where each number of the platform is from. */
export function originsSection({ figures, calibrationCells, variations }: PaperPageData): HTMLElement {
  const sorted = [...figures].sort((a, b) => ORDER.indexOf(a.origin) - ORDER.indexOf(b.origin));
  const meaning =
    "Fitted numbers come from the marked cells, given ones with the device, assumed ones from elsewhere. Some assumed ones were chosen with the published bars in view, as their source says.";
  return section("origins", "Where the numbers are from", meaning, [
    dataTable({
      caption: "Numbers of the platform",
      meaning: `Fitted to: ${calibrationCells.join("; ")}.`,
      columns: ["Number", "Origin", "Value", "Source"],
      texts: ["Origin", "Source"],
      rows: sorted.map((figure) => [
        figure.name,
        element("span", { class: ORIGINS[figure.origin].badge }, [ORIGINS[figure.origin].name]),
        figureText(figure),
        figure.source,
      ]),
    }),
    variations.length === 0 ? undefined : variationTable(variations),
  ]);
}
