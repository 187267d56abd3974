/** What happens to a run beside its steps, a line of journal.jsonl each, with the time in UTC. */
export type JournalEvent =
  | {
      readonly event: "started";
      readonly versions: Readonly<Record<string, string>>;
      /** Number of the process that writes the folder. */
      readonly process: number;
      /** Of a live fleet: the name of its policy, and the most jobs that train at once on a pipeline, if there is a most. */
      readonly policy?: string;
      readonly jobsAtOnce?: number;
    }
  /** Devices are set up: the first action begins. */
  | { readonly event: "ready" }
  | {
      readonly event: "job ended";
      readonly job: string;
      /** Of its evaluations, the lowest: after which step, from 0. */
      readonly best?: { readonly step: number; readonly evaluationLoss: number };
    }
  /** Somebody asked for an end; mini-batches that have begun are finished. */
  | { readonly event: "asked to end" }
  | { readonly event: "ended early" }
  | { readonly event: "ended" };

export type JournalLine = JournalEvent & { readonly time: string };
