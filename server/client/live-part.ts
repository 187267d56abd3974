import type { FleetState } from "./api.ts";
import { patch } from "./patch.ts";

/** A part of the page, which stays on it while what it shows changes. */
export interface LivePart {
  readonly node: HTMLElement;
  update(state: FleetState): void;
}

/** A part that nothing listens to. */
export function drawnPart(draw: (state: FleetState) => HTMLElement, node: HTMLElement): LivePart {
  return { node, update: (state) => patch(node, draw(state)) };
}
