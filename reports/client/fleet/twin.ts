import type { FleetComparison } from "../../fleet-data.ts";
import { element, section } from "../element.ts";
import { card } from "../header-parts.ts";
import { storyPanel } from "./header.ts";

/** How well the twin of an executed fleet foretold it, and where their decisions parted. */
export function twinSection(comparison: FleetComparison | undefined): HTMLElement | undefined {
  if (comparison === undefined) return undefined;
  const cards = comparison.figures.map(({ name, text, detail }) => card(name, text, detail));
  const meaning =
    "The twin has the same jobs, and what was asked of them, at the same times on the same pipelines; how long things " +
    "take is predicted by the calibration, so that errors hold how fast the machine was, too.";
  return section("twin", "Simulated and executed", meaning, [
    element("dl", { class: "cards" }, cards),
    storyPanel(comparison.story),
  ]);
}
