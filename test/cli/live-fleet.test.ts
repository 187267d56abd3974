import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { CONTROL_SOCKET, type JobStatus } from "../../server/index.ts";
import { statusOf } from "../server/fleet-double.ts";
import { freshFolder, type Served, serve } from "../server/served.ts";
import { type CliResult, runCli } from "./run-cli.ts";

interface Live extends Served {
  loratwin(...argv: readonly string[]): Promise<CliResult>;
  write(name: string, text: string): void;
}

/** A live fleet whose run folder is `run` in its folder. */
async function live(options: Parameters<typeof serve>[0] = {}): Promise<Live> {
  const folder = freshFolder();
  mkdirSync(path.join(folder, "run"));
  const served = await serve({ place: { cwd: folder }, socket: `run/${CONTROL_SOCKET}`, ...options });
  return {
    ...served,
    folder,
    loratwin: (...argv) => runCli(argv, folder),
    write: (name, text) => {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    },
  };
}

const ANN = "name: ann\nuser: a\ndata: { path: rows.jsonl }\n";

describe("submit", () => {
  it("gives a live fleet a job, whose paths start at its file", async () => {
    const { loratwin, write, fleet, folder } = await live();
    write("jobs/ann.yaml", ANN);
    const { code, stdout, stderr } = await loratwin("submit", "run", "jobs/ann.yaml");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe("ann is waiting: others came first; predicted to end in 18.00 s (13.00 to 28.00 s)\n");
    expect(fleet.submitted[0]).toMatchObject({ user: "a", data: { path: path.join(folder, "jobs/rows.jsonl") } });
  });

  it("takes a list, and prints what it came to", async () => {
    const { loratwin, write } = await live();
    write("two.json", '[{"name": "a"}, {"name": "b", "steps": 7}]');
    const { jobs } = JSON.parse((await loratwin("submit", "run", "two.json", "--json")).stdout) as {
      jobs: JobStatus[];
    };
    expect(jobs.map(({ name, iterations }) => [name, iterations])).toEqual([
      ["a", 3],
      ["b", 7],
    ]);
  });

  it.each([
    [
      "a key that is mistyped",
      "name: a\nrnak: 3\n",
      /^\S+job\.yaml:2:1: Expected only known keys at rnak, got "rnak"\.\nHint: Known keys: name, /,
    ],
    [
      "what the server finds",
      "name: a\nsteps: 2\nepochs: 2\n",
      /^\S+job\.yaml:3:1: Expected either steps or epochs at epochs, got/,
    ],
    [
      "a place in a list",
      "- name: a\n- name: b\n  adapter: { rank: 1024 }\n",
      /^Warning: a went in before this one\n\S+job\.yaml:3:14: .* at \[1\]\.adapter\.rank.*\n\nstage {2}needs/,
    ],
    [
      "a name in use",
      "- name: a\n- name: a\n",
      /job\.yaml:2:3: Expected a job name that was not used yet at \[1\]\.name, got "a"/,
    ],
    ["a workload", "kind: workload\n", /Expected a job, or a list of jobs, got "a workload"/],
  ])("says the line of %s, with exit code 2", async (_, text, says) => {
    const { loratwin, write } = await live();
    write("job.yaml", text);
    const { code, stdout, stderr } = await loratwin("submit", "run", "job.yaml");
    expect(stderr).toMatch(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("ends with 2 and the reason where the fleet refuses", async () => {
    const { loratwin, write, fleet } = await live();
    write("job.yaml", "name: a\n");
    fleet.submit = async () =>
      statusOf("a", { standing: "refused", why: "its deadline cannot be met", predictedEnd: null });
    const { code, stdout } = await loratwin("submit", "run", "job.yaml");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "a is refused: its deadline cannot be met\n" });
  });
});

describe("commands on a job", () => {
  it("cancel, pause, unpause, clone it and give it priorities", async () => {
    const { loratwin, write, fleet } = await live();
    write("job.yaml", "name: ann\n");
    write("own.yaml", "optimizer: { learningRate: 0.01 }\n");
    await loratwin("submit", "run", "job.yaml");
    expect((await loratwin("pause", "run", "ann")).stdout).toMatch(/^ann is paused: /);
    expect((await loratwin("unpause", "run", "ann")).stdout).toMatch(/^ann is waiting: /);
    expect(JSON.parse((await loratwin("priority", "run", "ann", "-4", "--json")).stdout)).toMatchObject({
      priority: -4,
    });
    const clone = await loratwin("clone", "run", "ann", "ann-2", "--overrides", "own.yaml", "--warm-start");
    expect(clone.stdout).toMatch(/^ann-2 is waiting/);
    expect(fleet.cloned).toEqual([["ann", "ann-2", { optimizer: { learningRate: 0.01 } }, true]]);
    expect((await loratwin("cancel", "run", "ann")).stdout).toMatch(/^ann is cancelled: /);
    const again = await loratwin("cancel", "run", "ann");
    expect(again).toMatchObject({ code: 2, stdout: "" });
    expect(again.stderr).toBe('Expected a job to be cancelled at ann, got "cancelled".\n');
    expect((await loratwin("pause", "run", "nobody")).code).toBe(2);
    expect((await loratwin("priority", "run", "ann", "1.5")).stderr).toMatch(
      /Expected a whole number at number, got 1.5/,
    );
  });

  it("say where overrides of a clone are wrong", async () => {
    const { loratwin, write } = await live();
    write("job.yaml", "name: ann\n");
    write("own.yaml", "seed: 1\noptimizer: { learningRate: -1 }\n");
    await loratwin("submit", "run", "job.yaml");
    const { code, stderr } = await loratwin("clone", "run", "ann", "b", "--overrides", "own.yaml");
    expect(stderr).toMatch(/own\.yaml:2:14: .*optimizer\.learningRate/);
    expect(code).toBe(2);
  });
});

describe("what-if", () => {
  const end = { seconds: 40, low: 35, high: 50 };
  it("says start, end and whom it delays", async () => {
    const { loratwin, write, fleet } = await live();
    write("job.yaml", "name: new\n");
    const delays = [
      { name: "ann", bySeconds: 3, lateSeconds: 0.5 },
      { name: "bob", bySeconds: -1, lateSeconds: 0 },
    ];
    fleet.answer({ admitted: true, policy: "fifo", asOfSeconds: 12, startSeconds: 14, end, lateSeconds: 2, delays });
    const { code, stdout } = await loratwin("what-if", "run", "job.yaml", "--policy", "sjf");
    expect(code).toBe(0);
    expect(stdout).toBe(
      "new would start in 2.00 s and end in 28.00 s (90 % of runs: 23.00 to 38.00 s), 2.00 s after its deadline, under sjf\n\n" +
        "job       would end  after its deadline by\n" +
        "---  --------------  ---------------------\n" +
        "ann    3.00 s later              500.00 ms\n" +
        "bob  1.00 s earlier                      -\n",
    );
    const outlooks = { alone: end, now: end, been: { ...end, high: 90 } };
    fleet.answer({
      admitted: true,
      policy: "fifo",
      asOfSeconds: 12,
      startSeconds: 12,
      end,
      lateSeconds: 0,
      outlooks,
      delays: [],
    });
    expect((await loratwin("what-if", "run", "job.yaml", "--json")).stdout).toContain('"high":90');
    expect((await loratwin("what-if", "run", "job.yaml")).stdout).toContain("no other job would end at another time");
  });

  it("ends with 2 and the reason where the job would be refused", async () => {
    const { loratwin, write, fleet } = await live();
    write("job.yaml", "name: new\n");
    fleet.answer({ admitted: false, policy: "deadline", why: "it could not be met" });
    const { code, stdout } = await loratwin("what-if", "run", "job.yaml");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "new would be refused (deadline): it could not be met\n" });
    write("bad.yaml", "name: new\nsteps: 1\nepochs: 1\n");
    expect((await loratwin("what-if", "run", "bad.yaml")).stderr).toMatch(/bad\.yaml:3:1: .* at epochs/);
  });
});

describe("jobs", () => {
  it("are a table", async () => {
    const { loratwin, fleet } = await live();
    fleet.change("ann", statusOf("ann", { user: "a", standing: "running", pipeline: 0, done: 4, loss: 1.5 }));
    fleet.change("bob", statusOf("bob", { standing: "ended", done: 10, endSeconds: 9, predictedEnd: null }));
    const { stdout } = await loratwin("jobs", "run");
    expect(stdout.split("\n")).toEqual([
      "fifo on 1 pipeline, up 12.00 s: 1 running, 1 ended",
      "",
      "job  user  priority           pipeline     steps   loss  device time                            end",
      "---  ----  --------  -------  --------  --------  -----  -----------  -----------------------------",
      "ann     a         0  running         0   4 of 10  1.500            -  in 18.00 s (13.00 to 28.00 s)",
      "bob     -         0    ended         -  10 of 10      -            -                   after 8.00 s",
      "",
    ]);
    const json = JSON.parse((await loratwin("jobs", "run", "--json")).stdout) as { jobs: JobStatus[]; omitted: number };
    expect(json.jobs.map(({ name }) => name)).toEqual(["ann", "bob"]);
    expect(json.omitted).toBe(0);
  });

  it("say by how much they end after their deadlines: as it was, as predicted, and so far", async () => {
    const { loratwin, fleet } = await live();
    fleet.change("ann", statusOf("ann", { standing: "running", deadlineSeconds: 28 }));
    fleet.change("bob", statusOf("bob", { standing: "ended", endSeconds: 9, predictedEnd: null, deadlineSeconds: 8 }));
    fleet.change("cy", statusOf("cy", { standing: "paused", predictedEnd: null, deadlineSeconds: 10 }));
    fleet.change("di", statusOf("di", { standing: "running", deadlineSeconds: 31 }));
    const { stdout } = await loratwin("jobs", "run");
    const ends = stdout.split("\n").map((line) => /(?:in|after|-, ) ?\d.*$/.exec(line)?.[0]);
    expect(ends.filter((end) => end !== undefined)).toEqual([
      "in 18.00 s (13.00 to 28.00 s), 2.00 s after its deadline",
      "after 8.00 s, 1.00 s after its deadline",
      "-, 2.00 s after its deadline so far",
      "in 18.00 s (13.00 to 28.00 s)",
    ]);
  });

  it("say which of the three ends each is, where somebody looked how the machine is now", async () => {
    const { loratwin, write, fleet } = await live();
    const now = { seconds: 30, low: 25, high: 40 };
    const outlooks = { alone: { seconds: 20, low: 18, high: 22 }, now, been: { seconds: 35, low: 6, high: 72 } };
    const predictedEnd = { ...now, asOfSeconds: 0, outlooks };
    fleet.change("ann", statusOf("ann", { standing: "running", pipeline: 0, predictedEnd }));
    fleet.change("bob", statusOf("bob", { standing: "ended", done: 10, endSeconds: 9, predictedEnd: null }));
    const { stdout } = await loratwin("jobs", "run");
    expect(stdout).toMatch(/ end, as the machine is now +left alone +as it has been$/m);
    expect(stdout).toMatch(/ in 18\.00 s \(13\.00 to 28\.00 s\) +6\.00 to 10\.00 s +0 s to 1 min 00 s$/m);
    expect(stdout).toMatch(/^bob .* after 8\.00 s +- +-$/m);
    write("job.yaml", "name: cy\n");
    fleet.submit = async () => statusOf("cy", { standing: "waiting", why: "others came first", predictedEnd });
    const submitted = await loratwin("submit", "run", "job.yaml");
    expect(submitted.stdout).toMatch(
      /^cy is waiting: others came first; predicted to end in 18\.00 s .*\nas the machine is now; left alone 6\.00 to 10\.00 s, as it has been 0 s to 1 min 00 s\n$/,
    );
  });

  it.each([false, true])("are followed until the server ends, as JSON: %s", async (json) => {
    const { folder, fleet, server } = await live();
    let stdout = "";
    const io = {
      stdout: (text: string) => {
        stdout += text;
      },
      stderr: () => {},
      isTty: false,
      cwd: folder,
    };
    const following = run(["jobs", "run", "--follow", ...(json ? ["--json"] : [])], io);
    await expect.poll(() => stdout).toMatch(json ? /"omitted":0/ : /no jobs/);
    const decision = { kind: "start", name: "ann", pipeline: 1, why: "first come" } as const;
    fleet.tell({ kind: "decisions", line: 1, atSeconds: 2, decisions: [decision] });
    fleet.tell({
      kind: "step",
      name: "ann",
      step: 0,
      loss: null,
      gradNorm: 1,
      learningRate: 1e-3,
      tokens: 3,
      seconds: 0.25,
    });
    fleet.tell({ kind: "end", name: "ann", standing: "ended", atSeconds: 3, why: "all iterations", adapter: "/a" });
    await expect.poll(() => stdout).toMatch(json ? /"kind":"end"/ : /ann ended/);
    await server.close();
    expect(await following).toBe(0);
    const lines = stdout.trimEnd().split("\n").slice(-3);
    if (json)
      expect(lines.map((line) => (JSON.parse(line) as { kind: string }).kind)).toEqual(["decisions", "step", "end"]);
    else
      expect(lines).toEqual([
        "2.00 s: start ann on pipeline 1: first come",
        "ann step 0: loss -, 250.00 ms",
        "3.00 s: ann ended: all iterations, adapter in /a",
      ]);
  });
});

describe("where the server is", () => {
  it("may be said by its socket, or by its address with the token", async () => {
    const { loratwin, server } = await live({ tcp: { host: "127.0.0.1", port: 0, tokenFile: "run/control.token" } });
    expect((await loratwin("jobs", "run/control.sock")).code).toBe(0);
    const { url } = server.address;
    expect((await loratwin("jobs", url!, "--token-file", "run/control.token")).code).toBe(0);
    expect((await loratwin("jobs", url!)).stderr).toMatch(/Expected --token-file beside an address/);
    expect((await loratwin("jobs", "run", "--token-file", "run/control.token")).stderr).toMatch(
      /A socket asks for no token/,
    );
  });

  it("is not the place of another token", async () => {
    const { loratwin, server, folder } = await live({
      tcp: { host: "127.0.0.1", port: 0, tokenFile: "run/control.token" },
    });
    writeFileSync(path.join(folder, "other"), "x".repeat(43), { mode: 0o600 });
    const { code, stderr } = await loratwin("jobs", server.address.url!, "--token-file", "other");
    expect(stderr).toMatch(/^Expected the server's token as Authorization: Bearer, got "another one"/);
    expect(stderr).not.toContain(readFileSync(path.join(folder, "run/control.token"), "utf8").trim());
    expect(code).toBe(2);
  });

  it("has to have one, or the command ends with 3 and what to do", async () => {
    const { loratwin, server, write } = await live();
    write("empty/file", "");
    write("job.yaml", "name: a\n");
    await server.close();
    const hint = "Hint: Start one with `loratwin serve WORKLOAD -o RUN`, and name that RUN.";
    for (const run of ["run", "empty", "nowhere", "empty/file"]) {
      const { code, stdout, stderr } = await loratwin("submit", run, "job.yaml");
      expect(stderr).toMatch(new RegExp(`^Expected a server of a live fleet at ${run}, got "[^"]+"\\.\n${hint}\n$`));
      expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    }
    for (const address of ["https://127.0.0.1:1", "http://127.0.0.1:1/elsewhere", "http://"])
      expect((await loratwin("jobs", address, "--token-file", "t")).code).toBe(2);
  });
});
