import type { RunPath } from "../run-path.ts";
import { element } from "./element.ts";
import { formatDuration, formatShare } from "./format.ts";
import type { PageState } from "./page-state.ts";

/** A critical path, and what its run is called where there are several. */
export interface NamedPath {
  readonly path: RunPath;
  readonly name?: string;
}

/** Whether a person wants to see critical paths, in all timelines that are drawn from now on. */
let isShown = false;

function shorteningList({ path: { shortenings, makespanNs }, name }: NamedPath): HTMLElement {
  const items = shortenings.map(({ what, how, ns, savesNs }) =>
    element("li", {}, [
      element("strong", {}, [`${what}: ${formatShare(ns / Math.max(1, makespanNs))}`]),
      `; ${how} at most ${formatDuration(savesNs / 1e9)}`,
    ]),
  );
  return element("div", { class: "path-causes" }, [
    element("h3", {}, [name === undefined ? "What would shorten the run" : `What would shorten ${name}`]),
    element("ul", {}, items),
  ]);
}

/** Shows and hides the critical paths of timelines, and what would shorten them. */
export function pathToggle(
  id: string,
  states: readonly PageState[],
  paths: readonly NamedPath[],
): { toggle: HTMLElement; lists: HTMLElement } {
  const lists = element("div", { class: "path-lists" }, paths.map(shorteningList));
  const input = element("input", { id, type: "checkbox" });
  const show = (): void => {
    lists.hidden = !isShown;
    for (const state of states) state.isPathShown.set(isShown);
  };
  input.checked = isShown;
  input.addEventListener("input", () => {
    isShown = input.checked;
    show();
  });
  show();
  return { toggle: element("label", { class: "path-toggle", for: id }, [input, "Critical path"]), lists };
}
