import { describe, expect, it } from "vitest";
import {
  type Choice,
  checkedPolicy,
  type FleetJob,
  type FleetView,
  type Policy,
  policyOf,
  type Resources,
  Scheduler,
} from "../../../plan/index.ts";

function job(number: number, more: Partial<FleetJob> = {}): FleetJob {
  const request = {
    name: `job${number}`,
    user: "",
    priority: 0,
    arrivalNs: 0,
    deadlineNs: null,
    iterations: 5,
    tokens: 1,
  };
  return {
    ...request,
    number,
    standing: "waiting",
    done: 0,
    predicted: 5,
    pipeline: undefined,
    hold: undefined,
    ...more,
  };
}

/** Two pipelines for two jobs each. */
const RESOURCES: Resources = {
  numPipelines: 2,
  isSteady: true,
  shortfall: (_, jobs) => (jobs.length > 2 ? { kind: "jobs", most: 2 } : undefined),
  kindOf: () => "",
  iterationNs: () => 10,
  nextBytes: () => 1,
  nextLength: () => 1,
};
const VIEW: FleetView = {
  nowNs: 0,
  waiting: [job(0), job(1), job(2), job(3, { done: 4, standing: "preempted" })],
  placed: [job(4, { standing: "running", pipeline: 1 })],
  resources: RESOURCES,
  changes: 0,
  served: () => 0,
  state: () => new Scheduler(policyOf("fifo", RESOURCES), RESOURCES).state(),
};
const OWN = {
  name: "own",
  describe: "of a test",
  watches: "changes",
  initial: null,
  compare: (a, b) => b.number - a.number,
  decide: () => ({ wishes: [], memory: null }),
} satisfies Policy;
const SOURCE = { file: "own.mjs", lineOf: () => 7 };
const why = (): string => "a reason";

function decided(decide: (view: FleetView) => unknown): Choice {
  const policy = checkedPolicy({ ...OWN, decide }, RESOURCES, SOURCE);
  return policy.decide(VIEW, policy.initial);
}

const wishing = (number: number, more: object = {}) => ({
  wishes: [{ job: { number }, pipeline: 0, why, ...more }],
  memory: null,
});

describe("a person's policy", () => {
  it("is asked with copies, and answered with the jobs that are there", () => {
    const { wishes, refusals, memory } = decided(({ waiting, placed }) => ({
      wishes: [
        { job: waiting[0], pipeline: 0, why },
        { job: placed[0], pipeline: 1, why },
      ],
      refusals: [{ job: waiting[1], why: "too late" }],
      memory: { seen: waiting.length },
    }));
    expect(wishes.map(({ job: each, pipeline }) => [each, pipeline])).toEqual([
      [VIEW.waiting[0], 0],
      [VIEW.placed[0], 1],
    ]);
    expect(wishes[0]!.job).toBe(VIEW.waiting[0]);
    expect(wishes[0]!.why(wishes[0]!.job)).toBe("a reason");
    expect(refusals).toEqual([{ job: VIEW.waiting[1], why: "too late" }]);
    expect(memory).toEqual({ seen: 4 });
    expect(() => decided(({ waiting }) => (waiting as unknown[]).pop())).toThrow(/own\.mjs:7: .*TypeError/);
    expect(() => decided(({ waiting }) => Object.assign(waiting[0]!, { done: 9 }))).toThrow(/TypeError/);
  });

  it("is made for some machines, with what makes wishes of an order", () => {
    const policy = checkedPolicy(
      (resources: Resources, { takeInTurn }: { readonly takeInTurn: (...args: unknown[]) => unknown }) => ({
        ...OWN,
        name: `own for ${resources.numPipelines}`,
        decide: ({ waiting }: FleetView) => ({
          wishes: takeInTurn(resources, waiting, { looksPast: 0, why }),
          memory: 1,
        }),
      }),
      RESOURCES,
      SOURCE,
    );
    expect(policy.name).toBe("own for 2");
    expect(policy.decide(VIEW, null).wishes.map(({ job: { number }, pipeline }) => [number, pipeline])).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
      [3, 1],
    ]);
    expect(policy.compare(job(1), job(2))).toBe(1);
    const tied = checkedPolicy({ ...OWN, compare: () => 0 }, RESOURCES, SOURCE);
    expect(tied.compare(job(1), job(2))).toBe(-1);
  });

  it.each<readonly [unknown, RegExp]>([
    [undefined, /^own\.mjs: Expected a default export that is a policy, or a function, got "undefined"\.$/],
    [() => null, /^own\.mjs: Expected a function that returns a policy, got "null"\.$/],
    [{ ...OWN, name: "" }, /Expected a text at name, got ""/],
    [{ ...OWN, describe: 3 }, /Expected a text at describe, got 3/],
    [{ ...OWN, compare: undefined }, /Expected a function, which is missing, at compare/],
    [{ ...OWN, decide: 1 }, /Expected a function at decide, got 1/],
    [{ ...OWN, watches: "all" }, /Expected changes, progress, iterations at watches, got "all"/],
    [
      () => {
        throw new RangeError("no machines");
      },
      /^own\.mjs:7: Expected a policy, got "RangeError: no machines"\.$/,
    ],
  ])("is refused where it is none: %s", (own, message) => {
    expect(() => checkedPolicy(own, RESOURCES, SOURCE)).toThrow(message);
  });

  it.each<readonly [unknown, RegExp]>([
    [undefined, /^own\.mjs: Expected a decision: { wishes, memory } from policy own, got "undefined"\.$/],
    [{ wishes: 1 }, /Expected a list from policy own at wishes, got 1/],
    [{ wishes: [null] }, /Expected a job that is there, and only once from policy own at wishes\[0\]\.job, got "none"/],
    [wishing(9), /Expected a job that is there, and only once from policy own at wishes\[0\]\.job, got 9/],
    [{ wishes: [...wishing(0).wishes, ...wishing(0).wishes] }, /only once from policy own at wishes\[1\]\.job, got 0/],
    [{ ...wishing(0), refusals: [{ job: { number: 0 }, why: "" }] }, /only once from policy own at refusals\[0\]/],
    [wishing(0, { pipeline: 2 }), /Expected a pipeline from 0 to 1 from policy own at wishes\[0\]\.pipeline, got 2/],
    [wishing(0, { pipeline: 0.5 }), /a pipeline from 0 to 1/],
    [wishing(4), /Expected pipeline 1, which job4 is on, from policy own at wishes\[0\]\.pipeline, got 0/],
    [wishing(0, { why: "so" }), /Expected a function from policy own at wishes\[0\]\.why, got "so"/],
    [
      { wishes: [0, 1, 2].flatMap((number) => wishing(number).wishes) },
      /Expected jobs that fit together on pipeline 0 \(2 jobs at once are there\) from policy own at wishes/,
    ],
    [{ wishes: [], refusals: [{ job: { number: 3 }, why: "" }] }, /Expected a job that has not begun.*got "job3"/],
    [{ wishes: [], refusals: [{ job: { number: 4 }, why: "" }] }, /Expected a job that has not begun.*got "job4"/],
    [
      { wishes: [], refusals: [{ job: { number: 0 } }] },
      /Expected a text from policy own, which is missing, at refusals\[0\]\.why/,
    ],
  ])("is refused a decision that cannot be: %j", (choice, message) => {
    expect(() => decided(() => choice)).toThrow(message);
  });

  it("is refused reasons and orders that are none", () => {
    const { wishes } = decided(() => wishing(0, { why: () => 5 }));
    expect(() => wishes[0]!.why(wishes[0]!.job)).toThrow(/Expected a text from policy own at wishes\[0\]\.why, got 5/);
    const policy = checkedPolicy({ ...OWN, compare: () => Number.NaN }, RESOURCES, SOURCE);
    expect(() => policy.compare(job(0), job(1))).toThrow(/Expected a number from policy own at compare, got "NaN"/);
  });
});
