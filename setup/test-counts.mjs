// From vitest's JSON report and the checks to the closing line.

/**
 * Counts a vitest run. A file that fails without a failed test of its own (it did not load, or a hook threw) is one
 * failure, and so is a run without a report, without a test, or one that vitest calls a failure for another reason.
 * Tests with a tag that is left out are not counted.
 */
export function countVitest(report, exitCode, leftOut = []) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const withStatus = (...statuses) => tests.filter((test) => statuses.includes(test.status)).length;
  const isBroken = (file) =>
    file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed");
  const passed = withStatus("passed");
  // Vitest calls what the level leaves out skipped too.
  const isLeftOut = (test) => test.status === "skipped" && leftOut.some((tag) => test.tags?.includes(tag));
  const skipped = withStatus("pending", "skipped", "todo", "disabled") - tests.filter(isLeftOut).length;
  const failed = withStatus("failed") + report.testResults.filter(isBroken).length;
  const failedOtherwise = failed === 0 && (exitCode !== 0 || passed === 0);
  return { passed, failed: failedOtherwise ? 1 : failed, skipped };
}

/** Adds counts up; each check is a count of one. */
export function addCounts(counts) {
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

/** `N passed, N failed`, with `, N skipped` where something was. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
