import { beforeAll, expect, test } from "vitest";
import { buildTargets } from "./cuda-table.ts";
import { checkPromises } from "./promises.ts";

beforeAll(() => buildTargets("emulated_graphs"), 300_000);

test("emulated streams keep what CUDA promises of captures and graphs", async () => {
  expect(await checkPromises("emulated_graphs")).toEqual({ status: 0, count: 14, broken: [] });
});
