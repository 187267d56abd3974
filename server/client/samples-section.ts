import { samplesSection } from "../../reports/client/index.ts";
import type { FleetState } from "./api.ts";
import { colourOf } from "./colours.ts";

/** What jobs have answered to their prompts; an empty place where none has any. */
export function answersSection({ samples, jobs }: FleetState): HTMLElement {
  const places = new Map(jobs.map(({ name }, job) => [name, job]));
  const shown = samples.flatMap(({ name, prompts }) => {
    const job = places.get(name);
    return job === undefined ? [] : [{ job, prompts }];
  });
  // Where a job stands does not change as others answer.
  shown.sort((a, b) => a.job - b.job);
  const named = jobs.map(({ name }) => ({ name, colour: colourOf(name) }));
  return samplesSection(shown, named) ?? document.createElement("section");
}
