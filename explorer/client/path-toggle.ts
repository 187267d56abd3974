import { element, formatDuration, formatShare, type PageState } from "../../reports/client/index.ts";
import type { RunPath } from "../answer-ways.ts";

/** A timeline with its critical path. */
export interface PathRun {
  readonly state: PageState;
  readonly path: RunPath;
  /** What its run is called, where there are several. */
  readonly name?: string;
}

/** Whether a person wants to see critical paths, in all timelines that are drawn from now on. */
let isShown = false;

function shorteningList({ path: { steps, shortenings }, name }: PathRun): HTMLElement {
  const totalNs = (steps.at(-1)?.endNs ?? 0) - (steps[0]?.startNs ?? 0);
  const items = shortenings.map(({ what, how, ns, savesNs }) =>
    element("li", {}, [
      element("strong", {}, [`${what}: ${formatShare(ns / Math.max(1, totalNs))}`]),
      `; ${how} at most ${formatDuration(savesNs / 1e9)}`,
    ]),
  );
  return element("div", { class: "path-causes" }, [
    element("h3", {}, [name === undefined ? "What would shorten the run" : `What would shorten ${name}`]),
    element("ul", {}, items),
  ]);
}

/** Shows and hides the critical paths of timelines, and what would shorten them. */
export function pathToggle(id: string, runs: readonly PathRun[]): { toggle: HTMLElement; lists: HTMLElement } {
  const lists = element("div", { class: "path-lists" }, runs.map(shorteningList));
  const input = element("input", { id, type: "checkbox" });
  const show = (): void => {
    lists.hidden = !isShown;
    for (const { state, path } of runs) state.path.set(isShown ? path.steps : []);
  };
  input.checked = isShown;
  input.addEventListener("input", () => {
    isShown = input.checked;
    show();
  });
  show();
  return { toggle: element("label", { class: "path-toggle", for: id }, [input, "Critical path"]), lists };
}
