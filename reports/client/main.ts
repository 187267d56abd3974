// The page: reads its data, and puts one section below another.
import type { ReportData } from "../report-data.ts";
import { bubblesSection } from "./bubbles.ts";
import { contentsOf } from "./contents.ts";
import { element } from "./element.ts";
import { errorPlotSection } from "./error-plot.ts";
import { lossesSection } from "./losses.ts";
import { memorySection } from "./memory.ts";
import { createPageState } from "./page-state.ts";
import { scaleChartsOnPaper } from "./print.ts";
import { samplesSection } from "./samples.ts";
import { stepsSection } from "./steps.ts";
import { summaryHeader } from "./summary.ts";
import { tablesSection } from "./tables.ts";
import { timelinesSection } from "./timelines.ts";
import { createTooltip } from "./tooltip.ts";

const data: ReportData = JSON.parse(document.getElementById("report-data")!.textContent);
const state = createPageState(data);
const losses = lossesSection({ ...data, highlightedJob: state.highlightedJob });
const steps = stepsSection({ ...data, highlightedJob: state.highlightedJob });
const sections = [
  losses,
  ...[timelinesSection, errorPlotSection, bubblesSection, memorySection].map((make) => make(state)),
  steps,
  samplesSection(data.samples, data.jobs),
  tablesSection(state),
].filter((made) => made !== undefined);

document
  .getElementById("report")!
  .replaceChildren(summaryHeader(data, contentsOf(sections)), element("main", {}, sections), createTooltip(state));
scaleChartsOnPaper();
