import type { FleetPart } from "../../fleet-data.ts";
import { element } from "../element.ts";
import { createTimeWindow } from "../time-window.ts";
import { chartGutters, legend, timeAxis, toolbar } from "./chart-tools.ts";
import { createFleetState } from "./fleet-state.ts";
import { createGantt, type Gantt } from "./gantt.ts";
import { createSpanBox } from "./span-box.ts";

/** A chart of a fleet that goes on. */
export interface LiveGantt {
  readonly node: HTMLElement;
  /** Shows the fleet as it is now; the window, what is pointed at, and the focus stay. */
  update(fleet: FleetPart): void;
}

/** Room on the right of now, as a share. */
const AHEAD = 1.02;

/** What jobs did over time up to now, with the reason of each decision where the pointer or the arrow keys are. */
export function createLiveGantt(fleet: FleetPart): LiveGantt {
  const state = createFleetState();
  const gutters = chartGutters();
  const stage = element("div", { class: "stage" });
  const view = createTimeWindow(stage, AHEAD * Math.max(1, fleet.endNs), gutters, "scrolls");
  const spoken = element("div", { class: "visually-hidden", "aria-live": "polite" });
  const gantt: Gantt = createGantt(fleet, state, view, gutters.left, (text) => {
    spoken.textContent = text;
  });
  stage.append(timeAxis(view), gantt.node);
  let keys = legend([fleet]);
  const head = element("div", { class: "timeline-head" }, [toolbar(view), keys]);
  return {
    node: element("div", { class: "panel" }, [head, stage, spoken, createSpanBox(state)]),
    update(next) {
      const made = legend([next]);
      keys.replaceWith(made);
      keys = made;
      gantt.update(next);
      view.grow(AHEAD * Math.max(1, next.endNs));
    },
  };
}
