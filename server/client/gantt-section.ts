import {
  createLiveGantt,
  element,
  type FleetPart,
  type LiveGantt,
  SPAN_KINDS,
  section,
} from "../../reports/client/index.ts";
import type { FleetStatus } from "../fleet-control.ts";
import type { FleetPicture } from "../fleet-picture.ts";
import { colourOf } from "./colours.ts";
import type { LivePart } from "./live-part.ts";

const SECOND = 1e9;

type Columns = { -readonly [Column in keyof FleetPart["spans"]]: number[] };

/** What the server said, as the chart draws it. */
function partOfPicture({ jobs, atSeconds }: FleetPicture, { policy, pipelines }: FleetStatus): FleetPart {
  const spans: Columns = { job: [], kind: [], startNs: [], endNs: [], pipeline: [], done: [], why: [] };
  const reasons = new Map<string, number>();
  jobs.forEach((job, index) => {
    for (const { kind, startSeconds, endSeconds, pipeline, done, why } of job.spans) {
      if (!reasons.has(why)) reasons.set(why, reasons.size);
      spans.job.push(index);
      spans.kind.push(SPAN_KINDS.indexOf(kind));
      spans.startNs.push(Math.round(startSeconds * SECOND));
      spans.endNs.push(Math.round(endSeconds * SECOND));
      spans.pipeline.push(pipeline ?? -1);
      spans.done.push(done);
      spans.why.push(reasons.get(why)!);
    }
  });
  return {
    title: policy,
    figures: [],
    jobs: jobs.map(({ name, user, priority, arrivalSeconds, iterations, outcome, why }) => ({
      ...{ name, user, priority, iterations, outcome, why, arrivalNs: Math.round(arrivalSeconds * SECOND) },
      colour: colourOf(name),
      // What the chart does not look at, and the table beside it has.
      ...{ startNs: null, endNs: null, deadlineNs: null },
      ...{ turnaroundNs: 0, waitedNs: 0, trainedNs: 0, done: 0, preemptions: 0 },
    })),
    spans,
    reasons: [...reasons.keys()],
    numPipelines: pipelines.length,
    endNs: Math.round(atSeconds * SECOND),
    story: [],
  };
}

/** The chart of what jobs did. */
export function createGanttSection(): LivePart {
  const none = element("p", { class: "hint" }, ["Nothing has come yet."]);
  const left = element("p", { class: "hint" });
  const meaning =
    "A row for each job, in the order in which they came, up to now; pointing at a bar, or walking there with the " +
    "arrow keys, says what was decided and why.";
  const node = section("jobs-over-time", "Jobs over time", meaning, [none, left]);
  let gantt: LiveGantt | undefined;
  return {
    node,
    update({ picture, status }) {
      const { omitted } = picture;
      left.textContent = omitted === 0 ? "" : `${omitted} more jobs are not shown.`;
      if (picture.jobs.length === 0) return;
      const fleet = partOfPicture(picture, status);
      if (gantt !== undefined) gantt.update(fleet);
      else {
        gantt = createLiveGantt(fleet);
        none.replaceWith(gantt.node);
      }
    },
  };
}
