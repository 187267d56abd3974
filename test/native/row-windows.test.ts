import { beforeAll, expect, test } from "vitest";
import { buildTargets } from "./cuda-table.ts";
import { checkPromises } from "./promises.ts";

beforeAll(() => buildTargets("row_windows"), 120_000);

test("windows of rows are near their size and begin where sums over rows do", async () => {
  expect(await checkPromises("row_windows")).toEqual({ status: 0, count: 12, broken: [] });
});
