import { expect, it } from "vitest";
import { decisionsNotice, stepNotice } from "../../server/index.ts";

it("a line of the journal is told by what it decided, and not where it decided nothing", () => {
  const line = { line: 4, atNs: 2_500_000_000, events: [] };
  const started = { kind: "start", number: 7, name: "ann", pipeline: 1, why: "first come" } as const;
  const refused = { kind: "refuse", number: 8, name: "bob", why: "too late" } as const;
  expect(decisionsNotice({ ...line, decisions: [started, refused] })).toEqual({
    kind: "decisions",
    line: 4,
    atSeconds: 2.5,
    decisions: [
      { kind: "start", name: "ann", pipeline: 1, why: "first come" },
      { kind: "refuse", name: "bob", pipeline: null, why: "too late" },
    ],
  });
  expect(decisionsNotice({ ...line, decisions: [] })).toBeUndefined();
});

it("a step is told with its loss, or with none where that is no number", () => {
  const metrics = { job: "ann", step: 3, loss: 1.5, gradNorm: 1, learningRate: 1e-3, tokens: 64, seconds: 0.25 };
  const { job: name, ...numbers } = metrics;
  expect(stepNotice(metrics)).toEqual({ kind: "step", name, ...numbers });
  expect(stepNotice({ ...metrics, gradNorm: Number.POSITIVE_INFINITY }).gradNorm).toBeNull();
  for (const loss of [Number.NaN, Number.POSITIVE_INFINITY]) expect(stepNotice({ ...metrics, loss }).loss).toBeNull();
});
