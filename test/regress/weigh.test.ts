import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type RegressResult, regressFacts, regressText } from "../../cli/describe-regress.ts";
import { regressAnnotations, regressJunit, regressMarkdown } from "../../cli/regress-formats.ts";
import {
  type ComparedGolden,
  compareEffort,
  compareExecuted,
  leastEffort,
  weighMovedPolicies,
  weighPolicies,
} from "../../studies/index.ts";
import { isSpent, loadAccepted, withAccepted } from "../../workbench/regress/accepted-changes.ts";
import { loosenedGoldens } from "../../workbench/regress/loosened-goldens.ts";
import { GOLDEN } from "./small-runs.ts";

const BUDGET = { cpu: 1.5, memory: 1.5 };

function effort(seconds: Readonly<Record<string, number>>, peakBytes = 1e8) {
  return { cpuSeconds: new Map(Object.entries(seconds)), peakBytes };
}

describe("what planning takes", () => {
  it("is within its budget, or blocks with what is over it", () => {
    const before = effort({ a: 1, b: 2 });
    expect(compareEffort(before, effort({ a: 1.2, b: 2.4 }), BUDGET).verdict).toBe("same");
    const slow = compareEffort(before, effort({ a: 11, b: 2 }), BUDGET);
    expect(slow).toMatchObject({ verdict: "worse", name: "budget" });
    expect(slow.why).toEqual([
      "planning and simulating take 4.3 times as much of the processor",
      "a takes 11.00 s of the processor, and took 1.00 s",
    ]);
    expect(compareEffort(before, effort({ a: 1, b: 2 }, 3e8), BUDGET).why).toEqual([
      "the process has 3.0 times as much memory",
    ]);
  });

  it("is the least of what was measured, since others disturb", () => {
    const least = leastEffort([effort({ a: 3, b: 1 }, 2), effort({ a: 1, b: 2 }, 3)]);
    expect([...least.cpuSeconds]).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    expect(least.peakBytes).toBe(2);
  });
});

describe("two policies", () => {
  const golden = (turnaround: number, makespan: number): Pick<ComparedGolden, "figures"> => ({
    figures: [
      { name: "meanTurnaroundSeconds", before: 10, now: turnaround, loss: turnaround / 10 - 1, isAllowed: true },
      { name: "makespanSeconds", before: 20, now: makespan, loss: makespan / 20 - 1, isAllowed: true },
    ],
  });

  it.each([
    ["better", 8, 20],
    ["worse", 10, 22],
    ["trade-off", 8, 22],
    ["same", 10.01, 20.01],
  ] as const)("are weighed in all objectives together: %s", (kind, turnaround, makespan) => {
    expect(weighPolicies([golden(turnaround, makespan)]).kind).toBe(kind);
  });

  it("are told in one table, whatever single golden workloads are", () => {
    const policies = weighPolicies([golden(8, 22), golden(9, 20)]);
    const text = regressText({ before: "sjf", now: "mine", goldens: [], policies });
    expect(text).toContain("mine against sjf is a trade-off: on average it gains in some and loses in others");
    expect(text).toMatch(/mean turnaround +-15\.1 % +2 better +0 worse/);
  });

  it.each([
    ["worse", 12, "error", 1],
    ["better", 8, "notice", 0],
  ] as const)("are told first in every format: %s", (kind, turnaround, level, failures) => {
    const policies = weighPolicies([golden(turnaround, 20)]);
    const result: RegressResult = { before: "sjf", now: "mine", goldens: [], policies };
    const line = `mine against sjf is ${kind}`;
    expect(regressMarkdown(result)).toContain("### mine against sjf\n");
    expect(regressMarkdown(result)).toContain(`\`\`\`text\n${line}`);
    expect(regressJunit(result)).toContain(`tests="1" failures="${failures}"`);
    expect(regressJunit(result)).toContain(failures === 1 ? `<failure message="${line}` : `<system-out>${line}`);
    expect(regressAnnotations(result)[0]).toContain(`::${level} title=policies::${line}`);
  });
});

describe("a policy that a change moves", () => {
  const golden = (name: string, verdict: ComparedGolden["verdict"], turnaround: number): ComparedGolden => ({
    ...{ name, verdict, guards: "a turn", why: [], outcome: "" },
    figures: [
      { name: "meanTurnaroundSeconds", before: 10, now: turnaround, loss: turnaround / 10 - 1, isAllowed: true },
    ],
  });
  const under = (name: string, policy?: string) => ({
    golden: { ...GOLDEN, name, options: policy === undefined ? {} : { policy } },
  });
  const goldens = [
    golden("plan", "worse", 20),
    golden("short", "better", 8),
    golden("alone", "same", 10),
    golden("turns", "same", 10),
    // Of one that fails now there is nothing to weigh.
    { ...golden("late", "broken", 10), figures: [] },
  ];
  const policies = ["", "sjf", "sjf", "fifo", "deadline"];
  const seen = goldens.map(({ name }, at) => under(name, policies[at] === "" ? undefined : policies[at]));
  const moved = weighMovedPolicies(seen, goldens);
  const result: RegressResult = { before: "main", now: "here", goldens, movedPolicies: moved };
  const line = "sjf (2 golden workloads) is better: on average it gains, and loses in nothing";

  it("is weighed over all its golden workloads, and no other is", () => {
    expect(moved).toMatchObject([{ policy: "sjf", numGoldens: 2, kind: "better" }]);
    expect(moved[0]!.objectives).toMatchObject([{ factor: expect.closeTo(Math.sqrt(0.8), 9), numBetter: 1 }]);
  });

  it("is told wherever the comparison is, and blocks nothing by itself", () => {
    expect(regressText(result)).toContain(line);
    expect(regressText(result)).toMatch(/mean turnaround +-10\.6 % +1 better +0 worse/);
    expect(regressFacts(result)).toMatchObject({ movedPolicies: [{ policy: "sjf" }], blocks: 2 });
    expect(regressMarkdown(result)).toContain(`\`\`\`text\n${line}\n`);
    expect(regressMarkdown(result)).toContain("### Golden workloads block this change");
    expect(regressJunit(result)).toContain(`<system-out>${line}&#10;`);
    expect(regressJunit(result)).toContain('tests="6" failures="2"');
    expect(regressAnnotations(result)[0]).toContain(`::notice title=policies::${line}%0A`);
  });

  it("says that it has one golden workload only", () => {
    const [own] = weighMovedPolicies([under("short", "./mine.mjs")], [golden("short", "worse", 12)]);
    expect(regressText({ ...result, movedPolicies: [own!] })).toMatch(
      /\n\.\/mine\.mjs \(1 golden workload\) is worse: on average it loses, and gains in nothing\n/,
    );
  });
});

describe("golden workloads with one reason", () => {
  const golden = (name: string, seconds: number): ComparedGolden => ({
    ...{ name, guards: `what ${name} guards`, verdict: "worse", figures: [], outcome: "" },
    why: [`forwards take +${seconds} s over all devices`],
  });

  it("are told together", () => {
    const goldens = ["a", "b", "c"].map((name, at) => golden(name, at + 1.5));
    const text = regressText({ before: "x", now: "y", goldens });
    expect(text).toContain("worse: a, b, c\n  - forwards take +1.5 s over all devices");
    expect(text.match(/forwards take/g)).toHaveLength(1);
  });
});

describe("a real run", () => {
  const run = (makespanSeconds: number, adapter = "x", twinError = 0.01) => ({
    ...{ makespanSeconds, twinError, adapters: { one: adapter } },
  });
  const side = (runs: readonly ReturnType<typeof run>[], plan: string | null = "p", error: string | null = null) => ({
    ...{ plan, error, runs },
  });
  const told = { name: "trained", guards: "training" };
  const was = side([run(1), run(1.02), run(0.98)]);

  it("is the same where bytes are, whatever single runs take", () => {
    const compared = compareExecuted(told, was, side([run(1.2), run(0.9), run(1.1)]), { one: 0 });
    expect(compared).toMatchObject({
      verdict: "same",
      why: [],
      turnRatios: [1.2, expect.closeTo(0.882), expect.closeTo(1.122)],
    });
    const result: RegressResult = { before: "x", now: "y", goldens: [compared] };
    const line = "trained: training takes 0.88 to 1.20 times as long, turn by turn";
    expect(regressText(result)).toContain(`1 the same\n\n${line}`);
    expect(regressMarkdown(result)).toContain(`\n- ${line}\n`);
  });

  it("of jobs over time may differ by rounding, as they train in other company", () => {
    const fleet = side([run(1), run(1, "y")], null);
    expect(compareExecuted(told, side([run(1), run(1)], null), fleet, { one: 1e-6 }).verdict).toBe("changed");
    expect(compareExecuted(told, side([run(1), run(1)], null), fleet, { one: 0.1 }).verdict).toBe("broken");
  });

  it.each([
    [
      "broken",
      side([], "p", "train: no end after 120 s"),
      0,
      "was trained before, and is not now: train: no end after 120 s",
    ],
    ["broken", side([run(1, "y"), run(1, "y")]), 0.2, "adapters differ: one by 20.0 %"],
    ["broken", side([run(1, "y"), run(1, "y")]), Number.NaN, "adapters differ: one is missing or has other tensors"],
    ["broken", side([run(1), run(1, "y")]), 0, "two runs of one plan train other adapters"],
    ["unexplained", side([run(1, "y"), run(1, "y")]), 1e-6, "no decision explains it: the plan is the same"],
    ["changed", side([run(1, "y"), run(1, "y")], "q"), 1e-6, "adapters differ: one by 0.0 %"],
    ["worse", side([run(1.5), run(1.4), run(1.6)]), 0, "training takes 1.37 to 1.63 times as long, turn by turn"],
    ["worse", side([run(1, "x", 0.3), run(1, "x", 0.3)]), 0, "the twin is off by 30.0 %, and was by 1.0 %"],
  ] as const)("is %s otherwise", (verdict, now, difference, why) => {
    const compared = compareExecuted(told, was, now, { one: difference });
    expect(compared).toMatchObject({ verdict });
    expect(compared.why[0]).toBe(why);
  });
});

describe("golden workloads that a change touches", () => {
  const trained = { name: "trained", guards: "g", workload: "w.yaml", model: {}, devices: "cpu", options: {} };
  const rules = {
    goldens: [GOLDEN, { ...GOLDEN, name: "two", anyOrder: true }],
    budget: BUDGET,
    executed: [trained, { ...trained, name: "other" }],
  };

  it("may become stricter, and new ones may come", () => {
    const now = {
      goldens: [{ ...GOLDEN, tolerance: 0 }, ...rules.goldens.slice(1), { ...GOLDEN, name: "new" }],
      budget: BUDGET,
      executed: [...rules.executed, { ...trained, name: "new" }],
    };
    expect(loosenedGoldens(rules, now)).toEqual([]);
  });

  it("block where they are gone, lose more, or have other options, and where the budget is larger", () => {
    const now = {
      goldens: [{ ...GOLDEN, tolerance: 0.5, options: { pipelines: 2 } }],
      budget: { cpu: 5, memory: 1.5 },
      executed: [{ ...trained, devices: "cpu*2" }],
    };
    expect(loosenedGoldens(rules, now).map(({ verdict, why }) => `${verdict} ${why[0]}`)).toEqual([
      "unexplained the change lets figures lose 0.5, and not 0.001",
      "unexplained the change gives it other options",
      "unexplained the change takes this golden workload away",
      "unexplained the change trains it with other options",
      "unexplained the change does not train this workload any more",
      "unexplained the change raises the budget",
    ]);
  });

  it("are accepted by their outcome, and an older entry for one goes when it gets another", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "loratwin-accepted-"));
    const place = { cwd: folder };
    const entry = (golden: string, outcome: string) => ({ golden, outcome, why: "it is meant to be so" });
    const write = (...changes: readonly ReturnType<typeof entry>[]): void =>
      writeFileSync(path.join(folder, "accepted.json"), withAccepted(place, { folder }, [...changes]));
    try {
      expect(loadAccepted(place, { folder }).size).toBe(0);
      write(entry("one", "0123456789ab"), entry("two", "0123456789ab"));
      write(entry("one", "ba9876543210"));
      expect([...loadAccepted(place, { folder }).keys()].sort()).toEqual(["one ba9876543210", "two 0123456789ab"]);
      // An entry is for the change that brings it: behind that it is the base's.
      const base = readFileSync(path.join(folder, "accepted.json"), "utf8");
      write(entry("two", "ba9876543210"));
      expect([...loadAccepted(place, { folder }, base).keys()]).toEqual(["two ba9876543210"]);
      // The same outcome counts again with another reason, and what nobody can read has no entries.
      const again = { ...entry("one", "ba9876543210"), why: "it has to be so once more" };
      expect([again, entry("one", "ba9876543210")].map((each) => isSpent({ folder }, base, each))).toEqual([
        false,
        true,
      ]);
      write(again);
      expect([...loadAccepted(place, { folder }, base).keys()].sort()).toEqual([
        "one ba9876543210",
        "two ba9876543210",
      ]);
      expect(loadAccepted(place, { folder }, "<<<<<<< HEAD").size).toBe(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
