import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { DeviceError, InvariantError } from "../../core/index.ts";
import { type AdapterState, FreshState } from "../../exec/adapters.ts";
import { held, letGo, StatePages } from "../../exec/state-pages.ts";
import { askForFaults } from "../../files/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { smallCase } from "./small-run.ts";

const root = temporaryFolder();
let numFolders = 0;
const newFolder = (): string => path.join(root, `pages${numFolders++}`);
afterEach(() => askForFaults(undefined));

/** Two matrices and a magnitude, of which a vector has 3 numbers: 24 bytes a part. */
function stateOf(first: number, parts = 3): AdapterState {
  const pairs = (from: number) => [
    {
      layer: 1,
      projection: "q_proj" as const,
      a: Float32Array.of(from, Number.NaN, -0),
      b: Float32Array.of(from + 1, Number.POSITIVE_INFINITY),
      magnitudes: Float32Array.of(from + 2),
    },
  ];
  return {
    parameters: pairs(first),
    ...(parts < 3 ? {} : { firstMoment: pairs(first + 10), secondMoment: pairs(first + 20) }),
  };
}

function allOf({ parameters, firstMoment, secondMoment }: AdapterState) {
  return { parameters, firstMoment, secondMoment };
}

describe("states of jobs on no device", () => {
  it("have the same numbers in memory and on disk, whatever these are", () => {
    const folder = newFolder();
    using pages = new StatePages({ mostBytes: 100, folder, order: () => [0, 1, 2] });
    const kept = [0, 1, 2].map((job) => pages.keep(job, stateOf(100 * job)));
    expect(readdirSync(folder)).toEqual(["1.page", "2.page"]);
    kept.forEach((state, job) => {
      expect(allOf(state)).toEqual(allOf(stateOf(100 * job)));
    });
    expect(pages.peak).toEqual({ memory: 72, disk: 144 });
  });

  it("are gone once all who hold them have let them go", () => {
    const folder = newFolder();
    using pages = new StatePages({ mostBytes: 0, folder, order: () => [] });
    const kept = held(pages.keep(0, stateOf(0, 1)));
    expect(kept.firstMoment).toBeUndefined();
    letGo(kept);
    expect(readdirSync(folder)).toHaveLength(1);
    letGo(kept);
    expect(readdirSync(folder)).toEqual([]);
    expect(() => kept.parameters).toThrow(InvariantError);
    expect(() => letGo(kept)).toThrow(InvariantError);
  });

  it("take no room while they can be made at any time", () => {
    const { jobs, model } = smallCase([{ rank: 2, steps: 2, batchSize: 2, microBatchSize: 1, length: 8 }]);
    using pages = new StatePages({ mostBytes: 0, folder: newFolder(), order: () => [] });
    const fresh = new FreshState(jobs[0]!, model.architecture);
    expect(pages.keep(0, fresh)).toBe(fresh);
    expect(pages.peak).toEqual({ memory: 0, disk: 0 });
  });

  it("leave nothing behind, and clear away what a process that was killed has left", () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(path.join(folder, "9.page"), "half a state");
    {
      using pages = new StatePages({ mostBytes: 0, folder, order: () => [] });
      pages.keep(0, stateOf(0));
      expect(readdirSync(folder)).toEqual(["0.page"]);
    }
    expect(existsSync(folder)).toBe(false);
  });

  it("say that the disk is full, keep the state that has no room there, and tear no file", () => {
    const folder = newFolder();
    using pages = new StatePages({ mostBytes: 80, folder, order: () => [1, 2] });
    const first = pages.keep(1, stateOf(1));
    askForFaults("write:2:ENOSPC");
    expect(() => pages.keep(2, stateOf(2))).toThrow(DeviceError);
    expect(readdirSync(folder)).toEqual([]);
    expect(allOf(first)).toEqual(allOf(stateOf(1)));
  });

  it("say so where a page is not what was written", () => {
    const folder = newFolder();
    using pages = new StatePages({ mostBytes: 0, folder, order: () => [] });
    const kept = pages.keep(0, stateOf(0));
    truncateSync(path.join(folder, "0.page"), 30);
    expect(kept.parameters).toHaveLength(1);
    expect(() => kept.firstMoment).toThrow(/0\.page: Expected 36 bytes at least, got "30 bytes"/);
  });
});
