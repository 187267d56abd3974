// The page of a fleet: reads its data, and puts one section below another.
import type { FleetPageData } from "../../fleet-data.ts";
import { contentsOf } from "../contents.ts";
import { element } from "../element.ts";
import { scaleChartsOnPaper } from "../print.ts";
import { samplesSection } from "../samples.ts";
import { distributionSection } from "./distribution.ts";
import { createFleetState } from "./fleet-state.ts";
import { fleetHeader, storySection } from "./header.ts";
import { jobsOverTimeSection } from "./jobs-over-time.ts";
import { jobsTableSection } from "./jobs-table.ts";
import { fleetLosses } from "./losses.ts";
import { createSpanBox } from "./span-box.ts";
import { twinSection } from "./twin.ts";

const data: FleetPageData = JSON.parse(document.getElementById("report-data")!.textContent);
const state = createFleetState();
const sections = [
  jobsOverTimeSection(data.fleets, state),
  twinSection(data.comparison),
  storySection(data.fleets),
  distributionSection(data.fleets),
  fleetLosses(data.fleets, state),
  ...data.fleets.map(({ samples = [], jobs }) => samplesSection(samples, jobs)),
  jobsTableSection(data.fleets, state, data.comparison),
].filter((made) => made !== undefined);

document
  .getElementById("report")!
  .replaceChildren(fleetHeader(data, contentsOf(sections)), element("main", {}, sections), createSpanBox(state));
scaleChartsOnPaper();
