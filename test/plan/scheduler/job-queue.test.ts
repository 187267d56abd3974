import fc from "fast-check";
import { expect, test } from "vitest";
import type { FleetJob } from "../../../plan/index.ts";
import { JobQueue } from "../../../plan/scheduler/job-queue.ts";

const compare = (a: FleetJob, b: FleetJob): number => b.priority - a.priority;
const jobOf = (number: number, priority: number): FleetJob => ({ number, priority }) as FleetJob;

/** What the queue is in blocks, as one list: a new job comes before those that are equal. */
class PlainQueue {
  readonly jobs: FleetJob[] = [];

  add(job: FleetJob): void {
    const place = this.jobs.findIndex((each) => compare(each, job) >= 0);
    this.jobs.splice(place < 0 ? this.jobs.length : place, 0, job);
  }

  remove(job: FleetJob): void {
    this.jobs.splice(this.jobs.indexOf(job), 1);
  }
}

const change = fc.record({ kind: fc.constantFrom("add", "remove", "replace"), priority: fc.nat(40), at: fc.nat() });

test("jobs in blocks are in the order of one list, whoever comes, goes and changes", () => {
  fc.assert(
    // So many at first that there are several blocks.
    fc.property(fc.nat(2000), fc.array(change, { maxLength: 200 }), (first, changes) => {
      const queue = new JobQueue(compare);
      const plain = new PlainQueue();
      let number = 0;
      const add = (priority: number): void => {
        const job = jobOf(number, priority);
        number += 1;
        queue.add(job);
        plain.add(job);
      };
      for (let i = 0; i < first; i += 1) add((i * 7) % 41);
      for (const { kind, priority, at } of changes) {
        const job = plain.jobs[at % Math.max(1, plain.jobs.length)];
        if (kind === "add" || job === undefined) add(priority);
        else if (kind === "remove") {
          queue.remove(job);
          plain.remove(job);
        } else {
          const now = jobOf(job.number, priority);
          queue.replace(job, now);
          if (priority === job.priority) plain.jobs[plain.jobs.indexOf(job)] = now;
          else {
            plain.remove(job);
            plain.add(now);
          }
        }
      }
      expect(queue.size).toBe(plain.jobs.length);
      expect(queue.toArray()).toEqual(plain.jobs);
      expect([...queue]).toEqual(plain.jobs);
    }),
    { numRuns: 60 },
  );
});
