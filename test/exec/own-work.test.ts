import { describe, expect, it } from "vitest";
import { watchOwnWork } from "../../exec/own-work.ts";

/** Keeps the processor busy for so much of its time. */
function work(seconds: number): void {
  const from = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(from);
    if (user + system >= 1e6 * seconds) return;
  }
}

describe.runIf(process.platform === "linux")("what JavaScript does beside the devices", () => {
  it("is CPU time, of the thread that asks and of all", () => {
    const end = watchOwnWork();
    work(0.2);
    const { seconds, mainSeconds, waitedSeconds, otherSeconds, cores } = end()!;
    expect(mainSeconds).toBeGreaterThan(0.1);
    expect(seconds).toBeGreaterThanOrEqual(0.19);
    expect(Math.min(waitedSeconds, otherSeconds)).toBeGreaterThanOrEqual(0);
    expect(cores).toBeGreaterThanOrEqual(1);
  });
});
