import { expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import type { RunEstimate } from "../../workbench/index.ts";
import { printed, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

it("estimate says how many accelerators are paid for where machines are sold as a whole", async () => {
  const [workload, prices] = [["gpu-workload.yaml"], ["capacity", "prices-of-machines.yaml"]].map((names) =>
    packageFile("examples", ...names),
  ) as [string, string];
  const asked = ["estimate", workload, "--gpu", "H100 SXM", "--prices", prices, "--no-intervals", "--quiet"];
  const { price } = JSON.parse(await printed([...asked, "--json"], root)) as Pick<RunEstimate, "price">;
  expect(price!.accelerators).toEqual([{ name: "H100 SXM", count: 1, paidCount: 8 }]);
  expect(price!.perHour).toBeCloseTo(24, 9);
  expect(await printed(asked, root)).toMatch(
    /^cost: 1 x H100 SXM \(8 are paid for, as machines are sold\) at 24\.00 USD an hour together, on-demand$/m,
  );
});
