// The page of the paper's evaluation: reads its data, and puts one section below another.
import type { PaperPageData } from "../../paper-data.ts";
import { element } from "../element.ts";
import { scaleChartsOnPaper } from "../print.ts";
import { createCellBox } from "./cell-box.ts";
import { cellsSection } from "./cells-table.ts";
import { completionSection } from "./completion-chart.ts";
import { paperHeader } from "./header.ts";
import { orderingsSection } from "./orderings.ts";
import { originsSection } from "./origins.ts";
import { throughputSection } from "./throughput-chart.ts";

const data: PaperPageData = JSON.parse(document.getElementById("report-data")!.textContent);
const box = createCellBox();

document
  .getElementById("report")!
  .replaceChildren(
    paperHeader(data),
    element("main", {}, [
      completionSection(data, box),
      throughputSection(data, box),
      cellsSection(data),
      originsSection(data),
      orderingsSection(data),
    ]),
    box.node,
  );
scaleChartsOnPaper();
