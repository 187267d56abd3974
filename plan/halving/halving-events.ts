import type { AskedEvent } from "../scheduler/journal.ts";
import type { RungVerdict } from "./halving.ts";

/**
 * What a job scheduler is told of a verdict on the job of this number in its fleet; nothing of one that goes on without
 * having paused.
 */
export function halvingEvents(
  { kind, wasPaused, why }: Pick<RungVerdict, "kind" | "wasPaused" | "why">,
  number: number,
): readonly AskedEvent[] {
  switch (kind) {
    case "stop":
      return [{ kind: "stop", number, by: "halving", why }];
    case "pause":
      return [{ kind: "pause", number, by: "halving", why }];
    case "go-on":
      return wasPaused ? [{ kind: "unpause", number, by: "halving", why }] : [];
  }
}
