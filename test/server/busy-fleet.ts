import type { JournalLine } from "../../plan/index.ts";
import type { JobStatus } from "../../server/index.ts";
import { type FleetDouble, statusOf } from "./fleet-double.ts";

const JOBS: readonly JobStatus[] = [
  statusOf("ann-lr3", {
    ...{ user: "ann", standing: "running", done: 38, iterations: 100, pipeline: 0, startSeconds: 2, loss: 1.31 },
    ...{ predictedEnd: { seconds: 95, low: 88, high: 109, asOfSeconds: 0 }, why: "first come, first served" },
  }),
  statusOf("nightly-regression-of-the-whole-instruction-set", {
    ...{ user: "ops", standing: "leaving", done: 410, iterations: 1200, pipeline: 1, startSeconds: 2, loss: 0.842 },
    ...{
      predictedEnd: { seconds: 4210, low: 3900, high: 4800, asOfSeconds: 0 },
      why: "for urgent: priority 5 over 0, memory short by 1.2 GiB on cpu:1",
    },
  }),
  statusOf("urgent", { user: "ben", priority: 5, why: "leaves room when nightly has ended its iteration" }),
  statusOf("study", {
    ...{ user: "ben", standing: "preempted", done: 12, iterations: 80, startSeconds: 5, loss: 3.1 },
    why: "for ann-lr3: first come, first served",
  }),
  statusOf("held", { standing: "paused", why: "ann asked for it", predictedEnd: null }),
  statusOf("done", {
    ...{ user: "ann", standing: "ended", done: 20, iterations: 20, startSeconds: 2, endSeconds: 31, loss: 0.9 },
    ...{ predictedEnd: null, why: "all iterations", adapter: "run/adapters/done" },
  }),
  statusOf("diverged", {
    ...{ standing: "stopped", done: 9, iterations: 60, startSeconds: 3, endSeconds: 22, predictedEnd: null },
    why: "its loss is no number any more",
  }),
  statusOf("too-large", {
    standing: "refused",
    endSeconds: 4,
    predictedEnd: null,
    why: "memory short by 3.00 GiB on cpu:0",
  }),
];

/** A job comes, a second after the one before it. */
function arrival(number: number, { name, user, priority, iterations }: JobStatus): JournalLine {
  const atNs = number * 1e9;
  const request = { name, user, priority, iterations, arrivalNs: atNs, deadlineNs: null, tokens: 512 };
  const events = [{ kind: "arrived", number, request, predicted: iterations }] as const;
  return { line: 2 * number, atNs, events, decisions: [] };
}

/** Eight jobs, one in each kind of place, with losses and decisions. Tell it to a server that listens already. */
export function busyFleet(fleet: FleetDouble): void {
  for (const job of JOBS) fleet.change(job.name, job);
  for (const [index, { name, done }] of JOBS.entries())
    for (let step = 0; step < done; step += 1) {
      const loss =
        name === "diverged" && step > 6 ? null : 1 + 3 * Math.exp(-step / 20) + 0.2 * Math.sin(step * (index + 1));
      fleet.tell({ kind: "step", name, step, loss, gradNorm: 1, learningRate: 1e-3, tokens: 512, seconds: 0.4 });
    }
  JOBS.forEach(({ name, standing, why, pipeline }, line) => {
    const kinds = { leaving: "leave", preempted: "preempt", refused: "refuse" } as const;
    const kind = standing in kinds ? kinds[standing as keyof typeof kinds] : "start";
    fleet.tell({ kind: "decisions", line, atSeconds: 3.5 * line, decisions: [{ kind, name, pipeline, why }] });
    const place = pipeline === null ? {} : { pipeline };
    fleet.chronicle.add(arrival(line, JOBS[line]!));
    const never = ["waiting", "paused"].includes(standing);
    const begun =
      standing === "refused" ? [] : [{ kind: "start", number: line, name, pipeline: line % 2, why } as const];
    const then = kind === "start" ? [] : [{ kind, number: line, name, ...place, why } as const];
    if (!never)
      fleet.chronicle.add({ line: 2 * line + 1, atNs: 1e9 * (line + 0.5), events: [], decisions: [...begun, ...then] });
  });
}
