import { samplesSection } from "../../reports/client/index.ts";
import type { FleetState } from "./api.ts";

/** Jobs that somebody has unfolded, or folded: the section is made anew each time. */
const unfolded = new Map<string, boolean>();

/** What jobs have answered to their prompts; an empty place where none has any. */
export function answersSection({ samples, jobs }: FleetState): HTMLElement {
  const places = new Map(jobs.map(({ name }, job) => [name, job]));
  const shown = samples.flatMap(({ name, prompts }) => {
    const job = places.get(name);
    return job === undefined ? [] : [{ job, prompts }];
  });
  // Where a job stands does not change as others answer.
  shown.sort((a, b) => a.job - b.job);
  const made = samplesSection(shown, jobs, (name) => unfolded.get(name));
  if (made === undefined) return document.createElement("div");
  for (const block of made.querySelectorAll<HTMLDetailsElement>("details.job-samples"))
    block.addEventListener("toggle", () => unfolded.set(block.dataset["job"]!, block.open));
  return made;
}
