import { once } from "../../core/index.ts";
import type { Stage } from "../documents/setting.ts";
import { type Draft, type DraftOptions, draftOf } from "./draft.ts";
import { costsOf } from "./draft-costs.ts";
import { judge, type Verdict } from "./judge.ts";
import { type LaidOut, layOut } from "./lay-out.ts";
import { type Limits, type OrderedDraft, orderDraft } from "./order-draft.ts";
import type { WorkChoice } from "./propose.ts";
import type { Costed } from "./request.ts";

/** A candidate in one order: within some limits, on stages with some layers recomputed. */
export interface Trial {
  readonly ordered: OrderedDraft;
  laidOut(): LaidOut;
  verdict(): Verdict;
}

/** One way to do the work: proposed and costed, and ordered, laid out and judged as often as a search asks. */
export interface Candidate {
  readonly request: Costed;
  readonly choice: WorkChoice;
  readonly draft: Draft;
  within(limits: Limits, stages?: readonly Stage[]): Trial;
  /** Nanoseconds that a stage computes in whatever order, so that no run is shorter. */
  busyOn(stages?: readonly Stage[]): (stage: number) => number;
}

/**
 * What happens to one candidate: propose, cost, order, lay out, judge, in this order and from here alone. The draft and
 * its costs are made once; what follows on limits and recomputed layers is made for each that a search tries. An order
 * that is compared by its time alone is not laid out.
 */
export function candidateOf(request: Costed, choice: WorkChoice, options: DraftOptions = {}): Candidate {
  const draft = draftOf(request, choice, options);
  const costs = costsOf(request, draft);
  return {
    request,
    choice,
    draft,
    within(limits, stages = draft.stages) {
      const ordered = orderDraft(costs, { ...draft, stages: [...stages] }, limits);
      const laidOut = once(() => layOut(request, ordered));
      const verdict = once(() => judge(request, ordered, laidOut()));
      return { ordered, laidOut, verdict };
    },
    busyOn: (stages = draft.stages) => costs.busyOn(stages),
  };
}
