import type { FleetHistory, JobHistory, JobSpan } from "./fleet-history.ts";

/** A job, and how long it was on a pipeline. */
export interface OnPipeline {
  readonly job: JobHistory;
  readonly ns: number;
}

function overlapNs(a: JobSpan, b: JobSpan): number {
  return Math.max(0, Math.min(a.endNs, b.endNs) - Math.max(a.startNs, b.startNs));
}

/** Who was on pipelines during some spans, which do not overlap: whoever was longest first. */
export function whoTrained({ jobs }: FleetHistory, during: readonly JobSpan[]): readonly OnPipeline[] {
  const [first, last] = [during[0], during.at(-1)];
  if (first === undefined || last === undefined) return [];
  return jobs
    .map((job) => {
      let ns = 0;
      for (const span of job.spans) {
        if (span.pipeline === undefined || span.endNs <= first.startNs || span.startNs >= last.endNs) continue;
        for (const each of during) ns += overlapNs(span, each);
      }
      return { job, ns };
    })
    .filter(({ ns }) => ns > 0)
    .sort((a, b) => b.ns - a.ns || a.job.number - b.job.number);
}

/** "short, demo and 3 others", at most `most` by name. */
export function namesOf(names: readonly string[], most = 3): string {
  // One other is as short by its name.
  const shown = names.length === most + 1 ? names : names.slice(0, most);
  const others = names.length - shown.length;
  const parts = others === 0 ? shown : [...shown, `${others} others`];
  return parts.length < 2 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** "while short and demo trained"; empty where nobody did. */
export function meanwhile(history: FleetHistory, during: readonly JobSpan[]): string {
  const others = whoTrained(history, during).map(({ job }) => job.request.name);
  return others.length === 0 ? "" : `while ${namesOf(others)} trained`;
}
