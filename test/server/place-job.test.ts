import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkReadable, placeJob } from "../../server/place-job.ts";
import { ask, serve } from "./served.ts";

const folder = mkdtempSync(path.join(tmpdir(), "data-root-"));
const root = path.join(folder, "root");
mkdirSync(path.join(root, "inner"), { recursive: true });
mkdirSync(path.join(folder, "root-2"));
symlinkSync("/etc", path.join(root, "way-out"));
symlinkSync(root, path.join(folder, "way-in"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the paths of a job", () => {
  it("are those of its rows, held-out rows, templates and start, and nothing else", () => {
    const job = {
      data: { path: "rows.jsonl", chatTemplate: "own.jinja" },
      evaluation: { data: { path: "held-out.jsonl", chatTemplate: "chatml" }, everySteps: 5 },
      adapter: { rank: 4, init: "start" },
    };
    expect(placeJob(job, "/at")).toEqual({
      data: { path: "/at/rows.jsonl", chatTemplate: "/at/own.jinja" },
      evaluation: { data: { path: "/at/held-out.jsonl", chatTemplate: "chatml" }, everySteps: 5 },
      adapter: { rank: 4, init: "/at/start" },
    });
    const others = {
      data: { path: "hf:datasets/own/rows", chatTemplate: "{{ messages }}" },
      evaluation: { share: 0.1 },
    };
    expect(placeJob(others, "/at")).toEqual(others);
  });
});

describe("a data root", () => {
  const at = (name: string) => ({ data: { path: name } });
  it.each(["inner/rows.jsonl", ".", "inner/../rows", "..data"])("has %s", (name) => {
    expect(() => checkReadable(at(path.join(root, name)), root)).not.toThrow();
    expect(() => checkReadable(at(path.join(folder, "way-in", name)), root)).not.toThrow();
  });
  it.each(["../rows.jsonl", "../root-2/rows", "way-out/passwd", "way-out", "/etc/passwd", "inner/../../x"])(
    "does not have %s",
    (name) => {
      const outside = path.resolve(root, name);
      expect(() => checkReadable(at(outside), root)).toThrow("where submitted jobs may read");
      expect(() => checkReadable(at(outside), undefined)).not.toThrow();
      expect(() => checkReadable({ evaluation: { data: { path: outside }, everySteps: 1 } }, root)).toThrow();
      expect(() => checkReadable({ adapter: { init: outside } }, root)).toThrow();
    },
  );

  it("holds for what is submitted, cloned and asked for, and not for the workload's own", async () => {
    const { server } = await serve({ dataRoot: root });
    const send = (target: string, body: unknown) => ask(server.address.socket, "POST", target, { body });
    const job = { name: "eve", ...at("/etc/passwd") };
    const refused = [
      await send("/v1/jobs", job),
      await send("/v1/what-if", { job }),
      await send("/v1/jobs", { ...job, ...at(path.join(root, "way-out/passwd")) }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([422, 422, 422]);
    expect((await send("/v1/jobs", { name: "ann", ...at(path.join(root, "rows.jsonl")) })).status).toBe(201);
    const clone = await send("/v1/jobs/ann/clone", { name: "bob", overrides: at("/etc/passwd") });
    expect(clone.status).toBe(422);
  });
});
