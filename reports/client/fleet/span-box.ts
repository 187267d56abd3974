import { type FleetPart, SPAN_KINDS } from "../../fleet-data.ts";
import { element } from "../element.ts";
import { jobDot } from "../job-colours.ts";
import { placeBox } from "../place-box.ts";
import { durationText, instantText } from "./calendar-ticks.ts";
import type { FleetState, Pointed } from "./fleet-state.ts";

/** "training on pipeline 1" */
function doingText({ spans }: FleetPart, span: number): string {
  const kind = SPAN_KINDS[spans.kind[span]!]!;
  const where = spans.pipeline[span]!;
  if (kind === "leaving") return `leaving pipeline ${where} after this iteration`;
  return where < 0 ? kind : `${kind} on pipeline ${where}`;
}

interface SpanText {
  readonly name: string;
  readonly doing: string;
  readonly facts: readonly string[];
  readonly why: string;
}

function spanText({ fleet, job: index, span }: Pick<Pointed, "fleet" | "job" | "span">): SpanText {
  const job = fleet.jobs[index]!;
  const { name, iterations, priority, user, why, outcome } = job;
  const own = [user === "" ? "" : `of ${user}`, `priority ${priority}`].filter(Boolean);
  if (span < 0) return { name, doing: `${outcome} at ${instantText(job.arrivalNs)}`, facts: own, why };
  const { spans, reasons } = fleet;
  const [startNs, endNs] = [spans.startNs[span]!, spans.endNs[span]!];
  const isLast = spans.job[span + 1] !== index;
  const end = isLast && (outcome === "stopped" || outcome === "refused") ? `then ${outcome}: ${why}` : "";
  return {
    name,
    doing: doingText(fleet, span),
    facts: [
      `${instantText(startNs)} to ${instantText(endNs)} (${durationText(endNs - startNs)})`,
      `${spans.done[span]} of ${iterations} iterations before`,
      ...own,
    ],
    why: [reasons[spans.why[span]!]!, end].filter(Boolean).join("; "),
  };
}

/** What a screen reader says of a span. */
export function spokenText(pointed: Pick<Pointed, "fleet" | "job" | "span">): string {
  const { name, doing, facts, why } = spanText(pointed);
  return [`${name}, ${doing}`, facts[0]!, why].filter(Boolean).join("; ");
}

/** The box beside the span that the reader points at. */
export function createSpanBox({ pointed }: FleetState): HTMLElement {
  const box = element("div", { class: "tooltip", role: "tooltip", hidden: "" });
  pointed.subscribe((at) => {
    box.hidden = at === null;
    if (at === null) return;
    const { name, doing, facts, why } = spanText(at);
    box.replaceChildren(
      element("div", { class: "span-title" }, [
        jobDot(at.fleet.jobs[at.job]!.colour ?? at.job),
        element("strong", {}, [name]),
        ` ${doing}`,
      ]),
      ...(why === "" ? [] : [element("div", { class: "span-why" }, [why])]),
      element("div", { class: "tooltip-facts" }, [facts.join(" · ")]),
    );
    placeBox(box, at);
  });
  return box;
}
