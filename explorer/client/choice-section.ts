import { counted } from "../../core/index.ts";
import { type Cell, dataTable, element, formatDuration, section } from "../../reports/client/index.ts";
import type { SceneAnswer } from "../answer-scene.ts";
import { isComparison } from "../comparison.ts";
import { canOpen, MOST_WAYS, type OfferedWay, offeredWays, orderName } from "./offered-ways.ts";
import type { ShownAnswer } from "./shown-answer.ts";

type Open = (way: OfferedWay) => void;

/** What a way is called; of one that is not shown yet and may fit, a button that opens it beside that of the answer. */
function wayName(offered: OfferedWay, open: Open | undefined): Cell {
  const { name, way, considered } = offered;
  const text = considered === undefined ? name : orderName(considered);
  if (open === undefined || way === "asked" || !canOpen(offered)) return text;
  const title = "Show its timeline beside the one above";
  const button = element("button", { type: "button", class: "way", title }, [text]);
  button.addEventListener("click", () => open(offered));
  return button;
}

function wayCells(offered: OfferedWay, open: Open | undefined): readonly Cell[] {
  const { way, considered } = offered;
  const name = wayName(offered, open);
  if (considered === undefined)
    return [name, "–", "–", "–", "–", way === "asked" ? "shown" : way === "planned" ? "a plan" : "simulated only"];
  const { numGroups, isShared, jobsAtOnce, microBatchTokens, seconds, state } = considered;
  return [
    name,
    `${counted(numGroups, "group")}${isShared ? ", shared" : ""}`,
    microBatchTokens === null ? "as given" : `${microBatchTokens} tokens`,
    jobsAtOnce === null ? "all" : `${jobsAtOnce}`,
    seconds === null ? "–" : formatDuration(seconds),
    state,
  ];
}

/** Where times come from. */
function sourceNote({ source }: SceneAnswer): readonly HTMLElement[] {
  return source === undefined ? [] : [element("p", { class: "note" }, [`Times: ${source}.`])];
}

/** How many ways a table leaves out. */
function leftOut(number: number): string {
  return number > MOST_WAYS
    ? ` The ${MOST_WAYS} fastest of ${number} are shown; \`loratwin plan --explain\` prints all.`
    : "";
}

/**
 * What the planner chose, and what else there is, which opens beside that once the whole run is there; a schedule that is
 * simulated only leaves the planner nothing to choose.
 */
export function choiceSection(shown: ShownAnswer, openWay: Open): HTMLElement {
  const { answer, scene, estimate } = shown;
  const { ways, schedule, numPipelines, numGroups } = answer;
  const isCompared = isComparison(scene.schedule);
  const [title, meaning] = isCompared
    ? ([
        "No plan",
        `${schedule} is simulated for comparison: nothing is planned, and adapters train one after another, without sharing micro-batches.`,
      ] as const)
    : ([
        "What the planner chose",
        `${schedule}, ${counted(numPipelines, "pipeline")}, ${counted(numGroups, "group")} of adapters; chosen of ${counted(ways.length, "way")} by predicted time within memory.`,
      ] as const);
  return section("choice", title, meaning, [
    dataTable({
      caption: isCompared ? "Other ways" : "Ways that it looked at, and those that are simulated only",
      meaning: isCompared
        ? "Press one to see its timeline beside the one above."
        : `Times as the planner sees them, from the first steps; the simulator has the last word on those that are close. Press one to see its timeline beside the chosen one.${leftOut(ways.length)}`,
      columns: ["Order", "Groups", "Micro-batch", "At once", "Time", "State"],
      texts: ["Groups", "Micro-batch", "At once", "State"],
      rows: offeredWays(shown).map((way) => wayCells(way, estimate === undefined ? openWay : undefined)),
    }),
    ...sourceNote(answer),
  ]);
}
