import { describe, expect, it } from "vitest";
import { secondsLate } from "../../server/index.ts";
import { statusOf } from "./fleet-double.ts";

describe("secondsLate", () => {
  it("of a job that has ended is what it ended after its deadline", () => {
    const ended = { standing: "ended", endSeconds: 50, predictedEnd: null } as const;
    expect(secondsLate(statusOf("a", { ...ended, deadlineSeconds: 45 }), 90)).toBe(5);
    expect(secondsLate(statusOf("a", { ...ended, deadlineSeconds: 55 }), 90)).toBe(0);
    expect(secondsLate(statusOf("a", ended), 90)).toBe(0);
  });

  it("of a job that trains follows from its predicted end, and never stands behind now", () => {
    expect(secondsLate(statusOf("a", { deadlineSeconds: 28 }), 3)).toBe(2);
    expect(secondsLate(statusOf("a", { deadlineSeconds: 28 }), 40)).toBe(12);
    expect(secondsLate(statusOf("a", { deadlineSeconds: 31 }), 3)).toBe(0);
  });

  it("of a job that is paused is what has passed", () => {
    const paused = { standing: "paused", predictedEnd: null, deadlineSeconds: 28 } as const;
    expect([20, 30].map((now) => secondsLate(statusOf("a", paused), now))).toEqual([0, 2]);
  });

  it("of a job that was refused is none", () => {
    expect(secondsLate(statusOf("a", { standing: "refused", predictedEnd: null, deadlineSeconds: 1 }), 30)).toBe(0);
  });
});
