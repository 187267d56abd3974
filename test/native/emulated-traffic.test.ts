import { beforeAll, expect, test } from "vitest";
import { buildTargets } from "./cuda-table.ts";
import { checkPromises } from "./promises.ts";

beforeAll(() => buildTargets("emulated_traffic"), 300_000);

test("the emulation counts sectors of global memory and cycles of shared memory as a GPU has them", async () => {
  expect(await checkPromises("emulated_traffic")).toEqual({ status: 0, count: 19, broken: [] });
});
