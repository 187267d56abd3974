import type { ResolvedLink } from "../documents/cluster.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { Setting } from "../documents/setting.ts";
import type { Pass } from "./action.ts";
import { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "./compute-dtype.ts";
import { microBatchTokens } from "./mini-batch.ts";

/** What messages follow from beside their tokens. */
export interface Messaging {
  readonly model: Pick<Setting["model"], "architecture" | "dtype">;
  readonly links: readonly (ResolvedLink | null)[];
}

/** The types of the messages at both edges of a stage; an edge without a stage behind it has the compute dtype. */
export interface EdgeDtypes {
  /** Activations from the stage before, and gradients to it. */
  readonly before: ComputeDtype;
  /** Activations to the stage behind, and gradients from it. */
  readonly after: ComputeDtype;
}

/** What messages over a boundary are stored as: the compute dtype, or the narrower one that its link says. */
export function messageDtype({ model, links }: Messaging, boundary: number): ComputeDtype {
  return links[boundary]?.transferDtype ?? computeDtype(model.dtype);
}

export function edgeDtypes(messaging: Messaging, stage: number): EdgeDtypes {
  return { before: messageDtype(messaging, stage - 1), after: messageDtype(messaging, stage) };
}

/** Bytes of a token's activations, or of their gradients, in a message of a type. */
export function tokenBytes({ architecture }: Pick<Messaging["model"], "architecture">, dtype: ComputeDtype): number {
  return architecture.hiddenSize * COMPUTE_BYTES[dtype];
}

/** The same over a boundary. */
export function messageBytesPerToken(messaging: Messaging, boundary: number): number {
  return tokenBytes(messaging.model, messageDtype(messaging, boundary));
}

/** Bytes of a token in what a stage's actions send. */
export function sentBytesPerToken(messaging: Messaging, stage: number): Readonly<Record<Pass, number>> {
  return { F: messageBytesPerToken(messaging, stage), B: messageBytesPerToken(messaging, stage - 1), U: 0 };
}

/** Bytes of the activations of a micro-batch over a boundary, and of its gradients. */
export function messageBytes({
  microBatches,
  ...messaging
}: Messaging & Pick<PlanBody, "microBatches">): (boundary: number, microBatch: number) => number {
  const tokens = microBatches.map(microBatchTokens);
  const perToken = Array.from({ length: messaging.links.length }, (_, boundary) =>
    messageBytesPerToken(messaging, boundary),
  );
  return (boundary, microBatch) => tokens[microBatch]! * perToken[boundary]!;
}
