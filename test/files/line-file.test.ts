import { readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, it } from "vitest";
import { DeviceError } from "../../core/index.ts";
import { askForFaults } from "../../files/index.ts";
import { LineFile } from "../../files/line-file.ts";
import { temporaryFolder } from "../cli/run-cli.ts";

const folder = temporaryFolder();

afterEach(() => askForFaults(undefined));

it("keeps lines back while the disk refuses those that they are behind, and writes both later", () => {
  const [first, second] = ["first.jsonl", "second.jsonl"].map((name) => path.join(folder, name)) as [string, string];
  const steps = new LineFile(first);
  const events = new LineFile(second, { behind: steps });
  const texts = (): readonly string[] => [first, second].map((file) => readFileSync(file, "utf8"));
  steps.add("a step of a job");
  askForFaults("write:1:ENOSPC");
  steps.write(true);
  events.add("its job has ended");
  expect(events.write(true)).toBe(false);
  expect(texts()).toEqual(["", ""]);
  steps.write(true);
  events.write(true);
  expect(texts()).toEqual(["a step of a job\n", "its job has ended\n"]);
  steps.close();
  events.close();
});

it("keeps them back to the end: what is closed has no line without those that it is behind", () => {
  const file = path.join(folder, "closed.jsonl");
  const steps = new LineFile(path.join(folder, "refused.jsonl"));
  const events = new LineFile(file, { behind: steps });
  steps.add("a step of a job");
  events.add("its job has ended");
  askForFaults("write:1+:ENOSPC");
  steps.close();
  askForFaults(undefined);
  events.close();
  expect(readFileSync(file, "utf8")).toBe("");
});

it("keeps no more lines for a full disk than there is memory for", () => {
  const [first, second] = ["full.jsonl", "waits.jsonl"].map((name) => path.join(folder, name)) as [string, string];
  const steps = new LineFile(first, { mostWaiting: 100 });
  const events = new LineFile(second, { behind: steps, mostWaiting: 100 });
  askForFaults("write:1+:ENOSPC");
  steps.add("a step of a job");
  steps.write(true);
  expect(() => {
    for (let step = 0; step < 20; step += 1) steps.add("a step of a job");
  }).toThrow(DeviceError);
  expect(() => {
    for (let step = 0; step < 20; step += 1) events.add("its job has ended");
  }).toThrow(/waits\.jsonl: Expected a disk that takes the lines of a run/);
  askForFaults(undefined);
  steps.close();
  events.close();
  expect(readFileSync(second, "utf8").split("\n")).toHaveLength(7);
});
