import { counted } from "../../core/index.ts";
import { type Cell, dataTable, element, formatDuration, section } from "../../reports/client/index.ts";
import type { SceneAnswer } from "../answer-scene.ts";
import { isComparison } from "../comparison.ts";
import type { ShownAnswer } from "./shown-answer.ts";

const MOST_WAYS = 8;

type Way = SceneAnswer["ways"][number];

/** What a way is called; of one that may fit and was not chosen, a button that opens it beside the chosen one. */
function wayName(way: Way, open: ((way: Way) => void) | undefined): Cell {
  const name = `${way.schedule}, ${counted(way.numPipelines, "pipeline")}`;
  if (open === undefined || way.state === "chosen" || way.state === "does not fit") return name;
  const title = "Show its timeline beside the chosen one";
  const button = element("button", { type: "button", class: "way", title }, [name]);
  button.addEventListener("click", () => open(way));
  return button;
}

function wayCells(shown: Way, open: ((way: Way) => void) | undefined): readonly Cell[] {
  const { numGroups, isShared, jobsAtOnce, microBatchTokens, ...way } = shown;
  return [
    wayName(shown, open),
    `${counted(numGroups, "group")}${isShared ? ", shared" : ""}`,
    microBatchTokens === null ? "as given" : `${microBatchTokens} tokens`,
    jobsAtOnce === null ? "all" : `${jobsAtOnce}`,
    way.seconds === null ? "–" : formatDuration(way.seconds),
    way.state,
  ];
}

/** Where times come from. */
function sourceNote({ source }: SceneAnswer): readonly HTMLElement[] {
  return source === undefined ? [] : [element("p", { class: "note" }, [`Times: ${source}.`])];
}

/**
 * What the planner chose, and what else it looked at, which opens beside that once the whole run is there; a schedule that
 * is simulated only leaves it nothing to choose.
 */
export function choiceSection({ answer, scene, estimate }: ShownAnswer, openWay: (way: Way) => void): HTMLElement {
  const { ways, schedule, numPipelines, numGroups } = answer;
  if (isComparison(scene.schedule))
    return section(
      "choice",
      "No plan",
      `${schedule} is simulated for comparison: nothing is planned, and adapters train one after another, without sharing micro-batches. Updates take no time.`,
      sourceNote(answer),
    );
  const meaning = `${schedule}, ${counted(numPipelines, "pipeline")}, ${counted(numGroups, "group")} of adapters; chosen of ${counted(ways.length, "way")} by predicted time within memory.`;
  return section("choice", "What the planner chose", meaning, [
    dataTable({
      caption: "Ways that it looked at",
      meaning:
        "Times as the planner sees them, from the first steps; the simulator has the last word on those that are close. Press one to see its timeline beside the chosen one.",
      columns: ["Order", "Groups", "Micro-batch", "At once", "Time", "State"],
      texts: ["Groups", "Micro-batch", "At once", "State"],
      rows: ways.slice(0, MOST_WAYS).map((way) => wayCells(way, estimate === undefined ? openWay : undefined)),
    }),
    ...sourceNote(answer),
  ]);
}
