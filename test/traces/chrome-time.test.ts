import fc from "fast-check";
import { expect, test } from "vitest";
import { nanos } from "../../core/index.ts";
import { fromMicroseconds, MAX_TRACE_NS, microsecondsText, toMicroseconds } from "../../traces/chrome-time.ts";

const times = fc.oneof(
  fc.nat(5000),
  fc.nat(),
  fc.integer({ min: 0, max: MAX_TRACE_NS }),
  fc.integer({ min: 1e12 - 2000, max: 1e12 + 2000 }),
  fc.integer({ min: 1e15 - 2000, max: 1e15 + 2000 }),
);

test("a time's text is the one that JSON has for its microseconds, and reads back as the time", () => {
  fc.assert(
    fc.property(times, (time) => {
      const text = microsecondsText(time);
      expect(text).toBe(JSON.stringify(toMicroseconds(nanos(time))));
      expect(fromMicroseconds(Number(text))).toBe(time);
    }),
    { numRuns: 20_000 },
  );
});
