import { describe, expect, it } from "vitest";
import { type FleetEvent, policyOf, type Resources, Scheduler } from "../../../plan/index.ts";

/** One pipeline with room for two jobs. */
const resources: Resources = {
  numPipelines: 1,
  isSteady: true,
  shortfall: (_, jobs) => (jobs.length > 2 ? { kind: "jobs", most: 2 } : undefined),
  kindOf: () => "",
  iterationNs: () => 1e9,
  nextBytes: () => 1,
  nextLength: () => 1,
};

const arrived = (number: number, iterations: number): FleetEvent => ({
  kind: "arrived",
  number,
  predicted: iterations,
  request: { name: `job${number}`, user: "", priority: 0, arrivalNs: 0, deadlineNs: null, iterations, tokens: 1 },
});

/** A twin to which every job ends at a second that is set by policy; 100 where none is. */
function told(seconds: Record<string, number>) {
  const asked: string[] = [];
  const policy = policyOf("twin", resources, {
    forecast({ state }, { name }) {
      asked.push(name);
      return new Map(state.jobs.map(({ number }) => [number, 1e9 * (seconds[name] ?? 100)]));
    },
  });
  const scheduler = new Scheduler(policy, resources);
  let atNs = 0;
  return {
    asked,
    trigger(...events: readonly FleetEvent[]): readonly string[] {
      atNs += 1;
      return scheduler.trigger(atNs, events).decisions.map(({ kind, name, why }) => `${kind} ${name}: ${why}`);
    },
    deciding: () => (scheduler.state().memory as { readonly policy: string }).policy,
  };
}

describe("the twin in the loop", () => {
  it("lets the best policy decide, with as many jobs at once as are best, and says what others would have brought", () => {
    const { trigger, deciding } = told({ "sjf, 1 at once": 40, fifo: 50 });
    const [decision, ...none] = trigger(arrived(0, 9), arrived(1, 4), arrived(2, 6));
    expect(none).toEqual([]);
    expect(decision).toMatch(
      /^start job1: 4 iterations are predicted to be left \(sjf, 1 at once; of mean turnaround: sjf, 1 at once 40\.00 s; fifo 50\.00 s; fifo, 1 at once 1 min 40 s; /,
    );
    expect(deciding()).toBe("sjf, 1 at once");
  });

  it("asks again only when something has changed, and then keeps its choice unless another is better by a share", () => {
    const seconds: Record<string, number> = { sjf: 50 };
    const { trigger, asked, deciding } = told(seconds);
    trigger(arrived(0, 9), arrived(1, 4));
    const once = asked.length;
    trigger({ kind: "progress", number: 1, done: 1, between: true });
    expect(asked.length).toBe(once);
    seconds["mlora"] = 49.9;
    trigger(arrived(2, 3));
    expect(asked.length).toBe(2 * once);
    expect(deciding()).toBe("sjf");
    seconds["mlora"] = 49;
    trigger({ kind: "priority", number: 2, priority: 1 });
    expect(deciding()).toBe("mlora");
    // It is better by less than that again.
    seconds["mlora"] = 50;
    seconds["sjf"] = 49.9;
    trigger({ kind: "priority", number: 2, priority: 2 });
    expect(deciding()).toBe("mlora");
  });

  it("asks less often, and for less, where there are many jobs", () => {
    const budgets: number[] = [];
    const policy = policyOf("twin", resources, {
      forecast({ state }, _, triggers) {
        budgets.push(triggers);
        return new Map(state.jobs.map(({ number }) => [number, 1e9]));
      },
    });
    const scheduler = new Scheduler(policy, resources);
    const come = (from: number, count: number): number => {
      const before = budgets.length;
      scheduler.trigger(
        from,
        Array.from({ length: count }, (_, job) => arrived(from + job, 9)),
      );
      return budgets.length - before;
    };
    const each = come(0, 100);
    const [most] = budgets;
    expect(come(100, 200)).toBe(each);
    expect(budgets.at(-1)).toBe(Math.floor(20_000 / (3 * each)));
    expect(most).toBe(Math.floor(20_000 / each));
    expect([come(300, 1), come(301, 1), come(302, 1), come(303, 1)]).toEqual([0, 0, each, 0]);
  });

  it("forecasts nothing for a job that is alone, and nothing at all without a forecaster", () => {
    const { trigger, asked } = told({});
    trigger(arrived(0, 9));
    trigger({ kind: "ended", number: 0 });
    const before = asked.length;
    trigger(arrived(1, 9));
    expect(asked.length).toBe(before);
    const scheduler = new Scheduler(policyOf("twin", resources), resources);
    expect(() => scheduler.trigger(0, [arrived(0, 1)])).toThrow(/Expected a forecaster, got "none, to forecast fifo/);
  });
});
