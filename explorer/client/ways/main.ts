// The page of two ways: reads its data, and puts one timeline below the other.
import { element, factList, scaleChartsOnPaper } from "../../../reports/client/index.ts";
import type { WaysPageData } from "../../render-ways.ts";
import { waysSection } from "../ways-section.ts";

const { answer, date, version }: WaysPageData = JSON.parse(document.getElementById("report-data")!.textContent);
const { differenceNs } = answer.makespan;
const title =
  differenceNs > 0 ? "Why B takes longer than A" : differenceNs < 0 ? "Why A takes longer than B" : "Two ways";

document.getElementById("report")!.replaceChildren(
  element("header", {}, [
    element("p", { class: "eyebrow" }, ["loratwin compare"]),
    element("h1", {}, [title]),
    factList([
      ["A", answer.names[0]],
      ["B", answer.names[1]],
      ["Made", `${date}, loratwin ${version}`],
    ]),
  ]),
  element("main", { class: "ways" }, [waysSection(answer)]),
);
scaleChartsOnPaper();
