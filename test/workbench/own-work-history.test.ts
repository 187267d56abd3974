import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Calibration, constantCalibration, type OwnWorkCosts } from "../../plan/index.ts";
import { hostIdentity } from "../../workbench/machine/host.ts";
import { keepOwnWork, ownWorkOfMachine } from "../../workbench/machine/own-work-history.ts";
import { temporaryFolder } from "../cli/run-cli.ts";

const cache = temporaryFolder();
const file = path.join(cache, "loratwin", "own-work.jsonl");
const here = { model: "measured", machine: { host: hostIdentity() } } as Calibration;
const elsewhere = { model: "measured", machine: { host: "elsewhere" } } as Calibration;

beforeAll(() => {
  process.env["XDG_CACHE_HOME"] = cache;
});

function own(perActionSeconds: number, cores: number): OwnWorkCosts {
  return { perActionSeconds, burstSeconds: 10 * perActionSeconds, cores };
}

describe("what JavaScript did on a machine's cores", () => {
  it("is not known before a fleet ran there", () => {
    expect(ownWorkOfMachine(here)).toBeUndefined();
  });

  it("is the median of the newest fleets of that machine", () => {
    const first = [0.004, 0.001, 0.002].map((seconds) => own(seconds, 2));
    for (const costs of first) keepOwnWork(costs, "fifo");
    expect(ownWorkOfMachine(here)).toEqual(own(0.002, 2));
    for (let fleet = 0; fleet < 20; fleet += 1) keepOwnWork(own(0.003, 4), "fifo");
    expect(ownWorkOfMachine(here)).toEqual(own(0.003, 4));
  });

  it("is that of a policy once enough fleets ran under it", () => {
    for (let fleet = 0; fleet < 2; fleet += 1) keepOwnWork(own(0.006, 4), "minpad");
    expect(ownWorkOfMachine(here, "minpad")).toEqual(own(0.003, 4));
    keepOwnWork(own(0.006, 4), "minpad");
    expect(ownWorkOfMachine(here, "minpad")).toEqual(own(0.006, 4));
    expect(ownWorkOfMachine(here, "fifo")).toEqual(own(0.003, 4));
    expect(ownWorkOfMachine(here, "sjf")).toEqual(own(0.003, 4));
  });

  it("says nothing of another machine, and of times that nobody measured", () => {
    expect(ownWorkOfMachine(elsewhere)).toBeUndefined();
    expect(ownWorkOfMachine(constantCalibration())).toBeUndefined();
  });

  it("leaves out lines that are torn, wrong, or of others", () => {
    const known = readFileSync(file, "utf8").split("\n")[0]!;
    mkdirSync(path.dirname(file), { recursive: true });
    const other = JSON.stringify({ ...JSON.parse(known), host: "elsewhere", perActionSeconds: 9 });
    const wrong = JSON.stringify({ ...JSON.parse(known), perActionSeconds: -1 });
    writeFileSync(file, [known, other, wrong, "[]", known.slice(0, 20)].join("\n"));
    expect(ownWorkOfMachine(here)).toEqual(own(0.004, 2));
  });
});
