import type { FleetEvent } from "../scheduler/journal.ts";
import type { RungVerdict } from "./halving.ts";

/**
 * What a job scheduler is told of a verdict on the job of this number in its fleet; nothing of one that goes on without
 * having paused.
 */
export function halvingEvents({ kind, wasPaused, why }: RungVerdict, number: number): readonly FleetEvent[] {
  switch (kind) {
    case "stop":
      return [{ kind: "stop", number, by: "halving", why }];
    case "pause":
      return [{ kind: "pause", number }];
    case "go-on":
      return wasPaused ? [{ kind: "unpause", number }] : [];
  }
}
