import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkPaths } from "../../server/check-paths.ts";
import { ask, serve } from "./served.ts";

const folder = mkdtempSync(path.join(tmpdir(), "data-root-"));
const root = path.join(folder, "root");
mkdirSync(path.join(root, "inner"), { recursive: true });
mkdirSync(path.join(folder, "root-2"));
symlinkSync("/etc", path.join(root, "way-out"));
symlinkSync(root, path.join(folder, "way-in"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a data root", () => {
  const at = (name: string) => ({ data: { path: name } });
  it.each(["inner/rows.jsonl", "inner", "inner/../rows", "..data"])("has %s", (name) => {
    expect(() => checkPaths(at(path.join(root, name)), root)).not.toThrow();
    expect(() => checkPaths(at(path.join(folder, "way-in", name)), root)).not.toThrow();
  });
  it.each(["../rows.jsonl", "../root-2/rows", "way-out/passwd", "way-out", "/etc/passwd", "inner/../../x"])(
    "does not have %s",
    (name) => {
      const outside = path.resolve(root, name);
      expect(() => checkPaths(at(outside), root)).toThrow("where submitted jobs may read");
      expect(() => checkPaths(at(outside), undefined)).not.toThrow();
      expect(() => checkPaths({ evaluation: { data: { path: outside }, everySteps: 1 } }, root)).toThrow();
      expect(() => checkPaths({ adapter: { init: outside } }, root)).toThrow();
    },
  );

  it.each(["{{", "{%", "hf:"])("does not have what leads out of it behind %s", (like) => {
    const outside = `${root}/${like}/../../secret`;
    for (const job of [
      at(outside),
      { data: { path: root, chatTemplate: `hf:/../${outside}` } },
      { evaluation: { data: { path: outside }, everySteps: 1 } },
      { adapter: { init: outside } },
      { adapter: { init: `hf:/../${outside}` } },
    ])
      expect(() => checkPaths(job, root)).toThrow(/where submitted jobs may read|an absolute path/);
  });

  it("does not have a folder with a link that leads out of it, nor a path that only links bring back", () => {
    mkdirSync(path.join(root, "links"));
    mkdirSync(path.join(root, "inner/deeper"));
    symlinkSync(path.join(root, "inner/rows.jsonl"), path.join(root, "links/inside"));
    expect(() => checkPaths(at(path.join(root, "links")), root)).not.toThrow();
    symlinkSync(path.join(folder, "root-2"), path.join(root, "links/outside"));
    for (const name of ["links", "."])
      expect(() => checkPaths({ adapter: { init: path.join(root, name) } }, root)).toThrow(/links\/outside|way-out/);
    // As the system follows links this is `root/inner`; as a text it is beside the root.
    symlinkSync(path.join(root, "inner/deeper"), path.join(folder, "way-deep"));
    expect(() => checkPaths(at(`${folder}/way-deep/../rows.jsonl`), root)).toThrow("where submitted jobs may read");
  });

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
