import { beforeAll, expect, test } from "vitest";
import { buildTargets } from "./cuda-table.ts";
import { checkPromises } from "./promises.ts";

beforeAll(() => buildTargets("emulated_nccl"), 300_000);

test("a channel of NCCL between two processes keeps what it promises", async () => {
  expect(await checkPromises("emulated_nccl")).toEqual({ status: 0, count: 10, broken: [] });
}, 60_000);
