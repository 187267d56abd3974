// The page of which machines to have: reads its data, and puts one section below another.
import type { CapacityPageData } from "../../capacity-data.ts";
import { contentsOf } from "../contents.ts";
import { element } from "../element.ts";
import { scaleChartsOnPaper } from "../print.ts";
import { apartSection } from "./apart.ts";
import { besidesSection } from "./besides.ts";
import { candidateBox } from "./candidate-box.ts";
import { candidatesSection } from "./candidates.ts";
import { costSection } from "./cost-chart.ts";
import { flipsSection } from "./flips.ts";
import { capacityHeader } from "./header.ts";
import { inputsSection } from "./inputs.ts";
import { failuresSection, moneySection } from "./money.ts";
import { weekSection } from "./week.ts";

const data: CapacityPageData = JSON.parse(document.getElementById("report-data")!.textContent);
const box = candidateBox(data.answer);

const sections = [
  ...moneySection(data.answer),
  ...failuresSection(data.answer),
  ...besidesSection(data.answer),
  ...apartSection(data.answer),
  ...costSection(data.answer, box),
  ...flipsSection(data.answer),
  ...weekSection(data.answer),
  ...candidatesSection(data.answer),
  ...inputsSection(data.answer),
];

document
  .getElementById("report")!
  .replaceChildren(capacityHeader(data, contentsOf(sections)), element("main", {}, sections), box.node);
scaleChartsOnPaper();
