// The page of data before they are trained on: reads its data, and puts one source below another.
import type { DataPageData } from "../../data-page-data.ts";
import { dataTable } from "../data-table.ts";
import { element } from "../element.ts";
import { factList } from "../header-parts.ts";
import { scaleChartsOnPaper } from "../print.ts";
import { problemList } from "./problems.ts";
import { sourceSection } from "./source.ts";

const data: DataPageData = JSON.parse(document.getElementById("report-data")!.textContent);
const { title, taken, date, version, table, problems, sources, numSources } = data;
const left = numSources - sources.length;

document.getElementById("report")!.replaceChildren(
  element("header", {}, [
    element("p", { class: "eyebrow" }, ["loratwin data"]),
    element("h1", {}, [title]),
    factList([
      ["Taken for", taken],
      ["Made", `${date}, loratwin ${version}`],
    ]),
  ]),
  element("main", {}, [
    ...problemList(problems),
    ...(table === null
      ? []
      : [
          dataTable({
            caption: "Jobs",
            meaning: "Tokens are of a row: median, what 95 of 100 rows have at most, and the longest.",
            ...table,
          }),
        ]),
    ...sources.map((source, index) => sourceSection(source, index)),
    ...(left > 0 ? [element("p", { class: "hint" }, [`${left} more files are not on this page.`])] : []),
  ]),
);
scaleChartsOnPaper();
