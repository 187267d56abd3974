import fc from "fast-check";
import { expect, it } from "vitest";
import { sum } from "../../../core/index.ts";
import type { FleetJob, FleetView, Resources } from "../../../plan/index.ts";
import { minpad } from "../../../plan/scheduler/policies/minpad.ts";

const SIZE = 3;

interface Row {
  readonly length: number;
  readonly placed: boolean;
}

function viewOf(rows: readonly Row[]): FleetView {
  const jobs = rows.map(({ placed }, number) => ({ number, arrivalNs: number, pipeline: placed ? 0 : undefined }));
  const resources = {
    numPipelines: 1,
    isSteady: true,
    shortfall: () => undefined,
    kindOf: () => "",
    nextLength: ({ number }: FleetJob) => rows[number]!.length,
  };
  const on = (placed: boolean) => jobs.filter((job) => rows[job.number]!.placed === placed) as unknown as FleetJob[];
  return { waiting: on(false), placed: on(true), resources: resources as unknown as Resources } as unknown as FleetView;
}

/** All windows of neighbours by length, the longest and the first that came in front. */
function leastOf(rows: readonly Row[]): readonly number[] {
  const order = rows.map((_, number) => number).sort((a, b) => rows[b]!.length - rows[a]!.length || a - b);
  const count = Math.min(SIZE, rows.length);
  const windows = order.slice(0, order.length - count + 1).map((_, first) => order.slice(first, first + count));
  const paddingOf = (window: readonly number[]): number =>
    sum(window.map((number) => rows[window[0]!]!.length - rows[number]!.length));
  return windows.reduce((best, window) => (paddingOf(window) < paddingOf(best) ? window : best), windows[0] ?? []);
}

it("chooses the first of the windows of jobs that have the least padding, whoever trains", () => {
  const row = fc.record({ length: fc.integer({ min: 1, max: 9 }), placed: fc.boolean() });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 12 }), (rows) => {
      const { wishes } = minpad({ size: SIZE }).decide(viewOf(rows), null);
      expect(wishes.map(({ job }) => job.number)).toEqual(leastOf(rows));
    }),
  );
});
