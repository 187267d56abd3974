import { element, formatMemory, formatShare, section } from "../../reports/client/index.ts";
import type { StageAnswer } from "../answer-scene.ts";
import { isComparison } from "../comparison.ts";
import type { ShownAnswer } from "./shown-answer.ts";

function bar(share: number, kind: string): HTMLElement {
  const width = (100 * Math.min(1, share)).toFixed(2);
  return element("span", { class: `stage-bar stage-${kind}`, "aria-hidden": "true" }, [
    element("span", { style: `width: ${width}%` }),
  ]);
}

function memoryCell({ memoryBytes, capacityBytes }: StageAnswer, largest: number): HTMLElement {
  const text =
    capacityBytes === null
      ? formatMemory(memoryBytes)
      : `${formatMemory(memoryBytes)} of ${formatMemory(capacityBytes)}`;
  return element("td", {}, [bar(memoryBytes / (capacityBytes ?? largest), "memory"), text]);
}

/** Devices that are in sight; more are behind a sentence about all of them. */
const MOST_ROWS = 8;

/** The least and the most of some numbers, as text where they are alike. */
function span(values: readonly number[], textOf: (value: number) => string): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(textOf);
  return low === high ? low! : `${low} to ${high}`;
}

/** What each device has, how full it is and how much of the run it computes. */
export function stagesSection({ answer: { stages }, scene }: ShownAnswer): HTMLElement {
  const largest = Math.max(...stages.map(({ memoryBytes }) => memoryBytes));
  const rows = stages.map((stage) =>
    element("tr", {}, [
      element("th", { scope: "row" }, [
        stage.device,
        element("span", { class: "detail" }, [stage.type === "unit" ? "abstract device" : stage.type]),
      ]),
      element("td", {}, [stage.layers]),
      memoryCell(stage, largest),
      element("td", {}, [bar(stage.busyShare, "busy"), `${formatShare(1 - stage.busyShare)} waits`]),
    ]),
  );
  const head = ["Device", "Layers", "Memory", "Computes"].map((name) => element("th", { scope: "col" }, [name]));
  const memory = isComparison(scene.schedule)
    ? "How full each device is at its fullest"
    : "What the plan reserves of each device's memory";
  const meaning = `${memory}, and the part of the run in which it computes; the hatched rest is bubble.`;
  const table = element("div", { class: "panel table-panel" }, [
    element("table", { class: "stages" }, [
      element("thead", {}, [element("tr", {}, head)]),
      element("tbody", {}, rows),
    ]),
  ]);
  if (stages.length <= MOST_ROWS) return section("stages", "Devices", meaning, [table]);
  const memories = span(
    stages.map(({ memoryBytes }) => memoryBytes),
    formatMemory,
  );
  const waits = span(
    stages.map(({ busyShare }) => 1 - busyShare),
    formatShare,
  );
  const summary = `${stages.length} devices: ${memories} of memory, ${waits} of the time waiting`;
  return section("stages", "Devices", meaning, [
    element("details", { id: "all-devices" }, [element("summary", {}, [summary]), table]),
  ]);
}
