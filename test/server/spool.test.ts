import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../server/index.ts";
import { freshFolder, type Served, serve } from "./served.ts";

const FAST = { timeout: 8000, interval: 20 };

interface Spooled extends Served {
  readonly spool: string;
  /** Writes a file as one should: under another name first. */
  put(name: string, text: string): void;
  list(sub: "accepted" | "rejected"): readonly string[];
  reason(name: string): string;
}

async function spooled(options: Parameters<typeof serve>[0] = {}): Promise<Spooled> {
  const spool = path.join(freshFolder(), "spool");
  const served = await serve({ spool, ...options });
  return {
    ...served,
    spool,
    put: (name, text) => {
      writeFileSync(path.join(spool, `${name}.tmp`), text);
      renameSync(path.join(spool, `${name}.tmp`), path.join(spool, name));
    },
    list: (sub) => readdirSync(path.join(spool, sub)).sort(),
    reason: (name) => readFileSync(path.join(spool, "rejected", `${name}.reason.txt`), "utf8"),
  };
}

describe("the spool folder", () => {
  it("submits whole files, with paths from where they lie, and keeps them under their job's name", async () => {
    const { put, list, fleet, spool, told } = await spooled();
    put("b.json", '{"name": "second", "steps": 4}');
    put("a.yaml", "name: first\ndata: { path: rows.jsonl }\n");
    await expect.poll(() => list("accepted"), FAST).toEqual(["first.yaml", "second.json"]);
    expect(fleet.submitted.find(({ name }) => name === "first")!.data).toEqual({
      path: path.join(spool, "rows.jsonl"),
    });
    expect(fleet.submitted.find(({ name }) => name === "second")).toMatchObject({ steps: 4, batchSize: 2 });
    expect(list("rejected")).toEqual([]);
    expect(told).toContain("spool: a.yaml is taken as first");
  });

  it("looks at what was there before it", async () => {
    const spool = path.join(freshFolder(), "spool");
    mkdirSync(spool);
    writeFileSync(path.join(spool, "a.yaml"), "name: early\n");
    const { fleet } = await serve({ spool });
    await expect.poll(() => fleet.submitted.length, FAST).toBe(1);
  });

  it("leaves alone what is not whole, hidden, or no job by its name", async () => {
    const { put, list, spool } = await spooled();
    const others = [".hidden.yaml", "a.yaml.tmp", "README.md", "b.json~"];
    for (const name of others) writeFileSync(path.join(spool, name), "name: [");
    put("last.yaml", "name: last\n");
    await expect.poll(() => list("accepted"), FAST).toEqual(["last.yaml"]);
    expect(readdirSync(spool).sort()).toEqual([...others, "accepted", "rejected"].sort());
    expect(list("rejected")).toEqual([]);
  });

  it.each([
    ["no YAML", "name: [", /Expected YAML or JSON/],
    ["an unknown key", "name: a\nrnak: 3\n", /bad\.yaml:2:1: Expected only known keys at rnak/],
    ["a value out of range", "name: a\nadapter:\n  rank: 0\n", /bad\.yaml:3:3: .*at adapter\.rank, got 0/],
    ["what the fleet has no room for", "name: a\nadapter: { rank: 1024 }\n", /bad\.yaml:2:\d+: .*\n\nstage {2}needs/],
    ["a list", "[{ name: a }, { name: b }]", /Expected one job, got "a list"/],
    ["nothing", "", /bad\.yaml/],
    ["a text", "hello", /bad\.yaml/],
    ["a workload", "kind: workload\njobs: []\n", /a job, or a list of jobs, got "a workload"/],
    ["too much", `name: a\nuser: ${"u".repeat(LIMITS.bodyBytes)}\n`, /a file of at most \d+ bytes/],
  ])("rejects %s, with the reason beside it", async (_, text, why) => {
    const { put, list, reason, fleet, faults } = await spooled();
    put("bad.yaml", text);
    await expect.poll(() => list("rejected"), FAST).toEqual(["bad.reason.txt", "bad.yaml"]);
    expect(reason("bad")).toMatch(why);
    expect(await fleet.jobs()).toEqual([]);
    expect(faults).toEqual([]);
  });

  it("rejects links, folders and pipes without a look inside, and goes on", async () => {
    const { put, list, reason, spool, fleet } = await spooled();
    const target = path.join(freshFolder(), "real.yaml");
    writeFileSync(target, "name: real\n");
    symlinkSync(target, path.join(spool, "link.yaml"));
    mkdirSync(path.join(spool, "folder.yaml"));
    execFileSync("mkfifo", [path.join(spool, "pipe.yaml")]);
    put("zz.yaml", "name: good\n");
    await expect.poll(() => list("accepted"), FAST).toEqual(["good.yaml"]);
    expect(list("rejected").filter((name) => name.endsWith(".yaml"))).toEqual([
      "folder.yaml",
      "link.yaml",
      "pipe.yaml",
    ]);
    expect(reason("link")).toContain("a link");
    expect(reason("folder")).toContain("a folder");
    expect(reason("pipe")).toContain("no file");
    expect(readFileSync(target, "utf8")).toBe("name: real\n");
    expect(fleet.submitted.map(({ name }) => name)).toEqual(["good"]);
  });

  it("loses nothing that was rejected before under the same name", async () => {
    const { put, list } = await spooled();
    for (const times of [1, 2, 3]) {
      put("bad.yaml", `name: [${times}`);
      await expect.poll(() => list("rejected").length, FAST).toBe(2 * times);
    }
    expect(list("rejected")).toContain("bad.3.yaml");
  });

  it("waits where the fleet takes no more for now", { tags: ["slow"] }, async () => {
    const { put, list, fleet } = await spooled({ limits: { waitingJobs: 1 } });
    put("a.yaml", "name: a\n");
    await expect.poll(() => list("accepted"), FAST).toEqual(["a.yaml"]);
    put("b.yaml", "name: b\n");
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(list("accepted")).toEqual(["a.yaml"]);
    expect(list("rejected")).toEqual([]);
    fleet.change("a", { standing: "running" });
    await expect.poll(() => list("accepted"), FAST).toEqual(["a.yaml", "b.yaml"]);
  });

  it("rejects a file with which the server has a fault, and tells of it", async () => {
    const { put, list, reason, fleet, faults } = await spooled();
    fleet.submit = () => Promise.reject(new Error("inside"));
    put("a.yaml", "name: a\n");
    await expect.poll(() => list("rejected").length, FAST).toBe(2);
    expect(reason("a")).not.toContain("inside");
    expect(faults).toHaveLength(1);
  });

  it("is none that everybody may write to", async () => {
    const spool = freshFolder();
    chmodSync(spool, 0o777);
    await expect(serve({ spool })).rejects.toThrow(/a spool folder that not everybody may write to/);
  });
});
