import { describe, expect, it } from "vitest";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

// setup/ is plain JavaScript, since it runs before there is a compiler; the types it has are stated here.
const { addCounts, closingLine, countVitest } = (await import(
  new URL("../../setup/test-counts.mjs", import.meta.url).href
)) as {
  addCounts: (counts: readonly Counts[]) => Counts;
  closingLine: (counts: Counts) => string;
  countVitest: (report: unknown, exitCode: number, leftOut?: readonly string[]) => Counts;
};

function report(...files: readonly (readonly [fileStatus: string, ...testStatuses: string[]])[]): unknown {
  return {
    testResults: files.map(([status, ...statuses]) => ({
      status,
      assertionResults: statuses.map((one) => ({ status: one })),
    })),
  };
}

describe("the counts of a test run", () => {
  it.each([
    ["a run where everything passed", report(["passed", "passed", "passed"]), 0, { passed: 2, failed: 0, skipped: 0 }],
    [
      "skipped and planned tests",
      report(["passed", "passed", "skipped", "todo"]),
      0,
      { passed: 1, failed: 0, skipped: 2 },
    ],
    ["a failed test", report(["failed", "passed", "failed"]), 1, { passed: 1, failed: 1, skipped: 0 }],
    ["a file that did not load", report(["passed", "passed"], ["failed"]), 1, { passed: 1, failed: 1, skipped: 0 }],
    ["a hook that threw", report(["failed", "passed"]), 1, { passed: 1, failed: 1, skipped: 0 }],
    ["an error outside the tests", report(["passed", "passed"]), 1, { passed: 1, failed: 1, skipped: 0 }],
    ["a run without tests", report(), 0, { passed: 0, failed: 1, skipped: 0 }],
    ["a run whose tests were all skipped", report(["passed", "skipped"]), 0, { passed: 0, failed: 1, skipped: 1 }],
    ["a run that left no report", undefined, 0, { passed: 0, failed: 1, skipped: 0 }],
  ])("tell %s", (_, results, exitCode, expected) => {
    expect(countVitest(results, exitCode)).toEqual(expected);
  });

  it("do not have tests that a level leaves out, whatever else is skipped", () => {
    const tests = [["passed"], ["passed", "slow"], ["skipped"], ["skipped", "slow"], ["skipped", "nightly"]];
    const assertionResults = tests.map(([status, ...tags]) => ({ status, tags }));
    const results = { testResults: [{ status: "passed", assertionResults }] };
    expect(countVitest(results, 0, ["nightly"])).toEqual({ passed: 2, failed: 0, skipped: 2 });
    expect(countVitest(results, 0, ["slow", "nightly"])).toEqual({ passed: 2, failed: 0, skipped: 1 });
  });

  it("are added up into one line that names skipped tests only where there are some", () => {
    const checks = { passed: 4, failed: 1, skipped: 0 };
    expect(closingLine(addCounts([checks, { passed: 2, failed: 0, skipped: 0 }]))).toBe("6 passed, 1 failed");
    expect(closingLine(addCounts([checks, { passed: 2, failed: 0, skipped: 3 }]))).toBe(
      "6 passed, 1 failed, 3 skipped",
    );
  });
});
