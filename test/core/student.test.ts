import { expect, test } from "vitest";
import { studentQuantile } from "../../core/student.ts";

// Source: tables of Student's distribution (NIST/SEMATECH, 1.3.6.7.2).
test.each([
  [0.975, 1, 12.706],
  [0.975, 2, 4.303],
  [0.975, 3, 3.182],
  [0.975, 10, 2.228],
  [0.95, 5, 2.015],
  [0.995, 30, 2.75],
  [0.975, 1000, 1.962],
])("the share %f with %i degrees of freedom lies below %f", (share, degrees, value) => {
  expect(studentQuantile(share, degrees)).toBeCloseTo(value, 3);
});
