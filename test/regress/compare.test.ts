import { describe, expect, it } from "vitest";
import type { RegressResult } from "../../cli/describe-regress.ts";
import { regressText } from "../../cli/describe-regress.ts";
import { regressAnnotations, regressJunit, regressMarkdown } from "../../cli/regress-formats.ts";
import { renderRegress } from "../../reports/index.ts";
import { compareGolden, emptyRun, type GoldenRun, isBlocking, seenGolden } from "../../studies/index.ts";
import { actionsOn, fleetRun, GOLDEN, plannedRun } from "./small-runs.ts";

const PLAIN = [
  ...actionsOn("d0", ["forward", 100], ["pause", 50], ["backward", 200]),
  ...actionsOn("d1", ["pause", 100], ["forward", 20], ["backward", 30]),
];

function compare(before: GoldenRun, now: GoldenRun, change: Partial<typeof GOLDEN> = {}, jobs: readonly string[] = []) {
  const golden = { ...GOLDEN, ...change };
  const asked = { jobs: jobs.map((name) => ({ name })) };
  return compareGolden(seenGolden(golden, before, asked), seenGolden(golden, now, asked));
}

const failed = (error: string): GoldenRun => emptyRun("one", 2, error);

describe("a golden workload is", () => {
  const was = plannedRun(PLAIN);

  it("the same where nothing moved", () => {
    expect(compare(was, plannedRun(PLAIN))).toMatchObject({ verdict: "same", why: [] });
    expect(compare(failed("no room"), failed("no room"))).toMatchObject({ verdict: "unable" });
  });

  it("worse where a figure lost more than its tolerance, and the device and phase are named where the time went", () => {
    const now = plannedRun([
      ...actionsOn("d0", ["forward", 100], ["pause", 90], ["backward", 200]),
      ...actionsOn("d1", ["pause", 100], ["forward", 20], ["backward", 30]),
    ]);
    const compared = compare(was, now);
    expect(compared.verdict).toBe("worse");
    expect(compared.why).toEqual([
      "no decision explains it: those that are told are the same",
      "d0 waits +40.00 ms in the steady phase",
      "d1 waits +40.00 ms while it drains",
    ]);
  });

  it("worse where actions take longer, and their kind is named", () => {
    const slow = [
      ...actionsOn("d0", ["forward", 140], ["pause", 50], ["backward", 200]),
      ...actionsOn("d1", ["pause", 140], ["forward", 20], ["backward", 30]),
    ];
    expect(compare(was, plannedRun(slow)).why[1]).toBe("forwards take +40.00 ms over all devices");
  });

  it("not explained where it gains or moves, and no decision is another one", () => {
    const fast = plannedRun([
      ...actionsOn("d0", ["forward", 100], ["pause", 40], ["backward", 200]),
      ...actionsOn("d1", ["pause", 100], ["forward", 20], ["backward", 30]),
    ]);
    expect(compare(was, fast)).toMatchObject({ verdict: "unexplained" });
    expect(compare(was, fast, { tolerance: 0.2 })).toMatchObject({ verdict: "unexplained" });
    expect(isBlocking(compare(was, fast))).toBe(true);
  });

  it("better where it gains by another plan, and not where what judged the plan has changed as much", () => {
    const fast = plannedRun(
      [
        ...actionsOn("d0", ["forward", 100], ["pause", 40], ["backward", 200]),
        ...actionsOn("d1", ["pause", 100], ["forward", 20], ["backward", 30]),
      ],
      { plan: { ...was.plan!, maxInFlight: [3, 1] } },
    );
    expect(compare(was, fast)).toMatchObject({ verdict: "better" });
    const [before, now] = [was, fast].map((run) => seenGolden(GOLDEN, run, undefined));
    const crossed = (run: GoldenRun) =>
      compareGolden(before!, now!, {
        judges: { crossed: new Map([["one", run]]), changed: [] },
        accepted: new Map(),
      });
    expect(crossed(fast).verdict).toBe("better");
    expect(crossed(was)).toMatchObject({ verdict: "unexplained" });
    expect(crossed(was).why[0]).toBe(
      "no decision explains it: of the new plan the simulator before makes 350.00 ms, this one 340.00 ms",
    );
    expect(crossed(failed("4 in flight")).why[0]).toBe("the revision before refuses the new plan: 4 in flight");
  });

  it("not blocking where the change has a word for just that outcome", () => {
    const slow = plannedRun(actionsOn("d0", ["forward", 100], ["pause", 90], ["backward", 200]));
    const { outcome } = compare(was, slow);
    const [before, now] = [was, slow].map((run) => seenGolden(GOLDEN, run, undefined));
    const judges = { crossed: new Map(), changed: [] };
    const withWord = (key: string) =>
      compareGolden(before!, now!, { judges, accepted: new Map([[key, "devices are apart now"]]) });
    expect(isBlocking(withWord(`one ${outcome}`))).toBe(false);
    expect(isBlocking(withWord("one 000000000000"))).toBe(true);
  });

  it("broken where a figure is missing, other rows are trained, or two runs differ", () => {
    const more = (change: Partial<GoldenRun>) => plannedRun(PLAIN, change);
    const named = more({ fields: ["simulate.bubbleRatio", "simulate.tokens"] });
    expect(compare(named, more({ fields: ["simulate.tokens"] })).why[0]).toBe(
      "a figure is missing: simulate.bubbleRatio",
    );
    expect(compare(more({}), named).verdict).toBe("same");
    expect(compare(was, more({ digest: "a", digestAgain: "b" })).why[0]).toMatch(/^two runs of it differ/);
  });

  it("the same as what another machine stored, whose last digits are others", () => {
    const [stored, now] = [was, plannedRun(PLAIN.map((action) => ({ ...action, endNs: action.endNs + 1e-4 })))].map(
      (run) => seenGolden(GOLDEN, run, undefined),
    );
    const elsewhere = { ...stored!, run: undefined };
    expect(compareGolden(elsewhere, now!).verdict).toBe("same");
    expect(compareGolden(stored!, now!).verdict).toBe("unexplained");
  });

  it("a trade-off where it gains in one figure and loses in another", () => {
    const metrics = { ...was.metrics!, jobs: [{ name: "a", turnaroundSeconds: 9 }] };
    const fast = { ...metrics, makespanSeconds: 0.3, tokensPerSecond: 210 };
    expect(compare(was, plannedRun(PLAIN, { metrics: fast })).verdict).toBe("trade-off");
  });

  it("broken where it was planned before, and not explained where it could not be", () => {
    expect(compare(was, failed("no room on d0"))).toMatchObject({
      verdict: "broken",
      why: ["was planned before, and fails now: no room on d0"],
    });
    expect(compare(failed("no room"), was)).toMatchObject({
      verdict: "unexplained",
      why: ["could not be planned before: no room"],
    });
    const crash = emptyRun("one", 70, "a stack");
    expect(compare(failed("no room"), crash).why).toEqual(["failed with exit code 2 before, and with 70 now: a stack"]);
  });

  it("worse where the same plan is thought to take other memory, and not where another plan takes more", () => {
    const { plan } = was;
    const heavier = plan!.stages.map((stage) => ({ ...stage, memory: { total: 900 } }));
    const lighter = compare(was, plannedRun(PLAIN, { plan: { ...plan!, stages: heavier } }));
    expect(lighter).toMatchObject({ verdict: "worse" });
    expect(lighter.why).toEqual([
      "the memory of d0 is thought to be -10.0 % less",
      "the memory of d1 is thought to be -10.0 % less",
    ]);
    const larger = plan!.stages.map((stage) => ({ ...stage, memory: { total: 1500 } }));
    const other = compare(was, plannedRun(PLAIN, { plan: { ...plan!, maxInFlight: [3, 1], stages: larger } }));
    expect(other).toMatchObject({ verdict: "changed", why: ["micro-batches in flight: 2, 1 before, 3, 1 now"] });
  });

  it("broken where a device does two things at once, an action is there twice, or a backward is not", () => {
    const at = (more: ReturnType<typeof actionsOn>) => compare(was, plannedRun([...PLAIN, ...more])).why[0];
    expect(at([{ ...PLAIN[0]!, name: "forward 9", startNs: 50e6, endNs: 120e6 }])).toBe(
      "d0 does two things at once: forward 0 and forward 9",
    );
    expect(at([{ ...PLAIN[0]!, startNs: 900e6, endNs: 901e6 }])).toBe("an action is made 2 times: forward 0 on d0");
    expect(at([{ ...PLAIN[0]!, name: "forward 9", startNs: 900e6, endNs: 901e6 }])).toBe("3 forwards and 2 backwards");
  });

  it("broken where it depends on the order of the jobs, or loses one", () => {
    const reversed = { ...was.metrics!, makespanSeconds: 2 * was.metrics!.makespanSeconds };
    expect(compare(was, plannedRun(PLAIN, { reversed })).why[0]).toMatch(
      /^it depends on the order in which the jobs are written/,
    );
    expect(compare(was, plannedRun(PLAIN, { reversed: was.metrics })).verdict).toBe("same");
    const names = ["a", "b"];
    const both = { ...was.metrics!, jobs: names.map((name) => ({ name, turnaroundSeconds: 1 })) };
    const lost = compare(
      plannedRun(PLAIN, { metrics: both }),
      plannedRun(PLAIN, { metrics: { ...both, jobs: both.jobs.slice(0, 1) } }),
      {},
      names,
    );
    expect(lost.why[0]).toBe("a job is lost: b neither ends nor is refused");
  });
});

describe("jobs over time", () => {
  const jobs = [
    { name: "first", at: 0, from: 0, to: 10 },
    { name: "second", at: 1, from: 10, to: 20 },
    { name: "third", user: "v", at: 2, from: 20, to: 30 },
  ];
  const was = fleetRun(jobs);
  const FIFO = { options: { policy: "fifo" } };

  it("are broken where of two that are alike the later one goes first, and the first decision is named that differs", () => {
    const [first, second, third] = [jobs[0]!, jobs[1]!, jobs[2]!];
    const now = fleetRun([first, { ...second, from: 20, to: 30 }, { ...third, user: "u", from: 10, to: 20 }]);
    const compared = compare(was, now, FIFO);
    expect(compared.verdict).toBe("broken");
    expect(compared.why.slice(0, 5)).toEqual([
      "equal jobs are out of order: third starts before second, which came first",
      "third begins while second waits, which goes before it under fifo",
      "a figure is missing: worstUserSeconds",
      "fifo decides otherwise than before, and jobs ask for it by name",
      "decision 2 is the first to differ: start second on pipeline 0 at 10.00 s (its turn at 10) before, start third on pipeline 0 at 10.00 s (its turn at 10) now",
    ]);
    // Another policy may have its reasons.
    const { why } = compare(was, now, { options: { policy: "twin" } });
    expect(why.some((line) => /out of order|goes before/.test(line))).toBe(false);
  });

  it("are worse for one user alone, and the job is named that waits", () => {
    const now = fleetRun([jobs[0]!, jobs[1]!, { ...jobs[2]!, from: 25, to: 35 }]);
    const { verdict, figures, why } = compare(was, now, FIFO);
    expect(verdict).toBe("worse");
    expect(figures.find(({ name }) => name === "worstUserSeconds")!.loss).toBeCloseTo(5 / 28, 9);
    expect(why).toEqual([
      "no decision explains it: those that are told are the same",
      "third takes 5.00 s more: +5.00 s before it starts",
    ]);
  });
});

describe("what is written of it", () => {
  const was = plannedRun(PLAIN);
  const slow = plannedRun([
    ...actionsOn("d0", ["forward", 100], ["pause", 90], ["backward", 200]),
    ...actionsOn("d1", ["pause", 100], ["forward", 20], ["backward", 30]),
  ]);
  const hostile = '<b>|"&`\n%::error::';
  const result: RegressResult = {
    ...{ before: "main", now: "the working tree" },
    goldens: [
      compare(was, slow, { name: "slow", guards: hostile }),
      compare(was, was, { name: "same" }),
      compare(failed("x"), failed("x"), { name: "unable" }),
      compare(was, failed(hostile), { name: "broken" }),
    ],
  };

  it("for people has the worst first, and nothing of what is the same", () => {
    const text = regressText(result);
    expect(text).toMatch(
      /^4 golden workloads, main against the working tree: 1 broken, 1 worse, 1 the same, 1 refused by both; 2 block the change\n\nbroken: broken/,
    );
    expect(text).toContain("+11.4 %  worse");
    expect(text).toMatch(/\n\nunable is refused by both: x$/);
    expect(text).not.toMatch(/\bsame:/);
  });

  it("as JUnit is well-formed, with a failure for what blocks", () => {
    const text = regressJunit(result);
    expect(text).toContain('<testsuite name="loratwin regress" tests="4" failures="2" skipped="1" time="0.000">');
    expect(text.match(/<failure /g)).toHaveLength(2);
    expect(text).toContain('<skipped message="refused by both: x"/>');
    expect(text).not.toContain("<b>");
    expect(text.replace(/<\/?(testsuite|testcase|failure|skipped|\?xml)[^<>]*>/g, "")).not.toMatch(/[<>]/);
  });

  it("as annotations is a line each that says nothing else to the runner", () => {
    const lines = regressAnnotations(result);
    expect(lines).toHaveLength(2);
    expect(lines.every((line) => /^::error title=[^:]*::[^\n]*$/.test(line))).toBe(true);
    expect(lines[1]).toContain("%25::error::");
  });

  it("as Markdown shows names as they are", () => {
    const text = regressMarkdown(result);
    expect(text).toMatch(/^<!-- loratwin regress -->\n### Golden workloads block this change\n/);
    expect(text).not.toMatch(/[^\\]<b>\|/);
    expect(text).toContain("| time | 350.00 ms | 390.00 ms | +11.4 % | worse |");
  });

  it("as a page has both timelines and no script", () => {
    const timelines = [was, slow].map((run, side) => ({
      name: side === 0 ? "before" : "now",
      lanes: ["d0", "d1"].map((name) => ({
        name,
        bars: run.actions
          .filter(({ device }) => device === name)
          .map(({ startNs, endNs }) => ({ startNs, endNs, of: "a" })),
      })),
    }));
    const page = renderRegress({
      ...{ title: "t", policies: hostile, verdict: "v", date: "d" },
      sections: [
        {
          ...{ title: `worse: ${hostile}`, verdict: "worse", rows: [], why: [hostile] },
          timelines: [{ name: hostile, sides: timelines }],
        },
      ],
    });
    expect(page.match(/<rect /g)).toHaveLength(6);
    expect(page).not.toMatch(/<script|<b>|onload/);
  });
});
