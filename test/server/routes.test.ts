import { describe, expect, it } from "vitest";
import type { JobStatus } from "../../server/index.ts";
import { LIMITS } from "../../server/index.ts";
import { type Answer, ask, type Raw, serve } from "./served.ts";

async function served(options: Parameters<typeof serve>[0] = {}) {
  const all = await serve(options);
  const socket = all.server.address.socket;
  return { ...all, ask: (method: string, target: string, raw?: Raw) => ask(socket, method, target, raw) };
}

const submit = (body: unknown): Raw => ({ body });

/** Every refusal has the one shape, and tells nothing of the inside. */
function refusal(answer: Answer): { readonly expected: string; readonly got?: string; readonly at?: string } {
  expect(answer.text).not.toMatch(/\bat .*\.ts:|node_modules|stack/);
  const { error } = answer.body as { error: { expected: string } };
  expect(Object.keys(answer.body as object)).toEqual(["error"]);
  return error;
}

describe("jobs", () => {
  it("are submitted with what the workload's defaults say of them, and read back", async () => {
    const { ask, fleet } = await served();
    const answer = await ask("POST", "/v1/jobs", submit({ name: "ann", user: "a", adapter: { rank: 4 } }));
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ name: "ann", user: "a", standing: "waiting", iterations: 3 });
    expect(fleet.submitted[0]).toMatchObject({
      batchSize: 2,
      adapter: { rank: 4, alpha: 16 },
      data: { lengths: 64, samples: 8 },
      optimizer: { name: "adamw" },
    });
    expect((await ask("GET", "/v1/jobs/ann")).body).toEqual(answer.body);
    expect((await ask("GET", "/v1/jobs")).body).toEqual({ jobs: [answer.body], omitted: 0 });
  });

  it("keep what they say themselves, and get no default of a schema in place of the workload's", async () => {
    const { ask, fleet } = await served();
    await ask("POST", "/v1/jobs", submit({ name: "ann", data: { lengths: 32 }, epochs: 2 }));
    expect(fleet.submitted[0]).toMatchObject({ data: { lengths: 32, samples: 8 }, epochs: 2 });
    expect(fleet.submitted[0]!.steps).toBeUndefined();
  });

  it("are cancelled, paused, resumed and given priorities", async () => {
    const { ask } = await served();
    await ask("POST", "/v1/jobs", submit({ name: "ann" }));
    const standing = ({ body }: Answer): string => (body as JobStatus).standing;
    expect(standing(await ask("POST", "/v1/jobs/ann/pause"))).toBe("paused");
    expect(standing(await ask("POST", "/v1/jobs/ann/unpause"))).toBe("waiting");
    expect((await ask("PATCH", "/v1/jobs/ann", submit({ priority: -3 }))).body).toMatchObject({ priority: -3 });
    expect(standing(await ask("DELETE", "/v1/jobs/ann"))).toBe("cancelled");
    const again = await ask("POST", "/v1/jobs/ann/unpause");
    expect(again.status).toBe(409);
    expect(refusal(again)).toEqual({ expected: "a job to be waiting", at: "ann", got: "cancelled" });
  });

  it("are cloned with keys of their own", async () => {
    const { ask, fleet } = await served();
    await ask("POST", "/v1/jobs", submit({ name: "ann" }));
    const clone = { name: "ann-2", overrides: { optimizer: { learningRate: 0.01 } }, warmStart: true };
    expect((await ask("POST", "/v1/jobs/ann/clone", submit(clone))).status).toBe(201);
    expect((await ask("POST", "/v1/jobs/ann/clone", submit({ name: "ann-3" }))).status).toBe(201);
    expect(fleet.cloned).toEqual([
      ["ann", "ann-2", { optimizer: { learningRate: 0.01 } }, true],
      ["ann", "ann-3", {}, false],
    ]);
    expect((await ask("POST", "/v1/jobs/ann/clone", submit({ name: "ann" }))).status).toBe(409);
    const relative = { name: "b", overrides: { data: { path: "rows.jsonl" } } };
    expect(refusal(await ask("POST", "/v1/jobs/ann/clone", submit(relative)))).toMatchObject({
      at: "overrides.data.path",
    });
  });

  it("that are over are listed as far as asked for, the latest ones", async () => {
    const { ask, fleet } = await served();
    for (const name of ["a", "b", "c", "d"]) await ask("POST", "/v1/jobs", submit({ name }));
    for (const name of ["a", "b", "d"]) fleet.change(name, { standing: "ended" });
    const { jobs, omitted } = (await ask("GET", "/v1/jobs?over=1")).body as { jobs: JobStatus[]; omitted: number };
    expect(jobs.map(({ name }) => name)).toEqual(["c", "d"]);
    expect(omitted).toBe(2);
  });

  it("are asked about without being submitted", async () => {
    const { ask, fleet } = await served();
    const end = { seconds: 9, low: 8, high: 10 };
    const delays = [{ name: "ann", bySeconds: 2, lateSeconds: 0 }];
    fleet.answer({ admitted: true, policy: "fifo", asOfSeconds: 3, startSeconds: 4, end, lateSeconds: 0, delays });
    const answer = await ask("POST", "/v1/what-if", submit({ job: { name: "new" }, policy: "sjf" }));
    expect(answer.body).toMatchObject({ admitted: true, policy: "sjf", end });
    const own = await ask("POST", "/v1/what-if", submit({ job: { name: "new" }, policy: "fifo" }));
    expect(own.body).toMatchObject({ admitted: true, policy: "fifo" });
    for (const policy of ["/tmp/evil.mjs", "./evil.mjs", "toString", ""]) {
      const refused = await ask("POST", "/v1/what-if", submit({ job: { name: "new" }, policy }));
      expect([refused.status, refusal(refused).at]).toEqual([422, "policy"]);
    }
    expect(fleet.submitted).toEqual([]);
  });
});

describe("a request is refused", () => {
  it.each([
    ["a name with a path in it", { name: "../../etc/passwd" }, 400, "name"],
    ["a name that is too long", { name: "n".repeat(129) }, 400, "name"],
    ["no name", {}, 400, "name"],
    ["an unknown key", { name: "a", rnak: 4 }, 400, "rnak"],
    ["its own arrival", { name: "a", arrivalSeconds: 3 }, 400, "arrivalSeconds"],
    ["a value out of range", { name: "a", adapter: { rank: -1 } }, 400, "adapter.rank"],
    ["a user without end", { name: "a", user: "u".repeat(257) }, 400, "user"],
    ["a list", [{ name: "a" }], 400, ""],
    ["a relative path", { name: "a", data: { path: "../rows.jsonl" } }, 422, "data.path"],
    ["a relative adapter", { name: "a", adapter: { init: "there" } }, 422, "adapter.init"],
    ["steps and epochs", { name: "a", steps: 2, epochs: 2 }, 422, "epochs"],
    ["what fits nowhere", { name: "a", adapter: { rank: 1024 } }, 422, "adapter.rank"],
  ] as const)("with %s", async (_, body, status, at) => {
    const { ask, fleet } = await served();
    const answer = await ask("POST", "/v1/jobs", submit(body));
    expect(answer.status).toBe(status);
    expect(refusal(answer).at ?? "").toBe(at);
    expect(await fleet.jobs()).toEqual([]);
  });

  it.each([
    ["JSON that ends too early", '{"name": "a"', 400, "a body of JSON"],
    ["ten thousand levels", `{"name": ${"[".repeat(1e4)}${"]".repeat(1e4)}}`, 400, "a body of at most 100 levels"],
    ["a prototype", '{"name": "a", "__proto__": {"x": 1}}', 400, "a body of JSON"],
    ["nothing", "", 400, "a body of JSON"],
    ["another content type", { type: "text/plain" }, 415, "application/json"],
    ["a form", { type: "application/x-www-form-urlencoded" }, 415, "application/json"],
  ] as const)("with %s as body", async (_, body, status, expected) => {
    const { ask } = await served();
    const raw: Raw =
      typeof body === "string" ? { body } : { body: '{"name":"a"}', headers: { "content-type": body.type } };
    const answer = await ask("POST", "/v1/jobs", raw);
    expect(answer.status).toBe(status);
    expect(refusal(answer).expected).toContain(expected);
  });

  it("with more bytes than a body may have", async () => {
    const { ask } = await served();
    const answer = await ask("POST", "/v1/jobs", submit({ name: "a", user: "u".repeat(LIMITS.bodyBytes) }));
    expect(answer.status).toBe(413);
    expect(refusal(answer).expected).toBe(`a body of at most ${LIMITS.bodyBytes} bytes`);
  });

  it.each([
    ["GET", "/v1/jobs/nobody", 404, "the name of a job of this fleet"],
    ["DELETE", "/v1/jobs/nobody", 404, "the name of a job of this fleet"],
    ["GET", "/v1/jobs/..%2F..%2Fetc%2Fpasswd", 400, "a name of letters"],
    ["GET", "/v1/jobs/%00", 400, "a name of letters"],
    ["GET", "/v1/jobs/%zz", 400, "an address that can be decoded"],
    ["GET", "/../../etc/passwd", 404, "a route of /v1/openapi.json"],
    ["PUT", "/v1/jobs", 404, "a route of /v1/openapi.json"],
    ["GET", "/v1/jobs?over=-1", 400, "at least 0"],
    ["GET", "/v1/jobs?all=1", 400, "only known keys"],
  ])("that asks for %s %s", async (method, target, status, expected) => {
    const { ask } = await served();
    const answer = await ask(method, target);
    expect(answer.status).toBe(status);
    expect(refusal(answer).expected).toContain(expected);
  });

  it("where a name is in use, the queue is full, or the fleet ends", async () => {
    const { ask, fleet } = await served({ limits: { waitingJobs: 4 } });
    await ask("POST", "/v1/jobs", submit({ name: "a" }));
    const again = await ask("POST", "/v1/jobs", submit({ name: "a" }));
    expect([again.status, refusal(again).at]).toEqual([409, "name"]);
    await ask("POST", "/v1/jobs", submit({ name: "b" }));
    expect((await ask("POST", "/v1/jobs", submit({ name: "c" }))).status).toBe(429);
    fleet.change("a", { standing: "running" });
    expect((await ask("POST", "/v1/jobs", submit({ name: "c" }))).status).toBe(201);
    await fleet.drain();
    expect((await ask("POST", "/v1/jobs", submit({ name: "d" }))).status).toBe(503);
  });

  it("of one who fills the queue, and not of others", async () => {
    const { ask } = await served({ limits: { waitingJobs: 40 } });
    const admitted = async (user: string): Promise<number> => {
      for (let number = 0; ; number += 1) {
        const { status } = await ask("POST", "/v1/jobs", submit({ name: `${user}-${number}`, user }));
        if (status !== 201) return number;
      }
    };
    const counts: number[] = [];
    for (const user of ["hog", "ann", "ben", "cy"]) counts.push(await admitted(user));
    expect(counts).toEqual([20, 10, 5, 3]);
    expect((await ask("POST", "/v1/jobs/hog-1/clone", submit({ name: "more" }))).status).toBe(429);
    const given = { name: "more", overrides: { user: "dee" } };
    expect((await ask("POST", "/v1/jobs/hog-1/clone", submit(given))).status).toBe(201);
  });

  it.each([
    ["another host, as a name that was pointed here would have", { host: "evil.example" }],
    ["another host with a port", { host: "evil.example:80" }],
    ["a page of another site", { origin: "http://evil.example" }],
    ["a page of another port", { host: "localhost:1", origin: "http://localhost:2" }],
  ])("from %s", async (_, headers) => {
    const { ask } = await served();
    expect((await ask("GET", "/v1/jobs", { headers })).status).toBe(403);
    expect((await ask("GET", "/", { headers })).status).toBe(403);
  });
});

describe("a fault of the fleet", () => {
  it("is told to the server's owner, and not to who asked", async () => {
    const { ask, fleet, faults } = await served();
    const secret = new Error("a secret of the inside");
    fleet.status = () => Promise.reject(secret);
    const answer = await ask("GET", "/v1/status");
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("secret");
    expect(refusal(answer).expected).toBe("a server without faults");
    expect(faults).toEqual([secret]);
  });

  it("is also an answer that is not as documented", async () => {
    const { ask, fleet, faults } = await served();
    await ask("POST", "/v1/jobs", submit({ name: "a" }));
    fleet.change("a", { done: -1 });
    expect((await ask("GET", "/v1/jobs/a")).status).toBe(500);
    expect(String(faults[0])).toContain("an answer of GET /v1/jobs/:name as it is documented at done");
  });
});

describe("a body that is refused", () => {
  const json = { "content-type": "application/json" };

  it("says a key twice, or in other letters than those of ours", async () => {
    const { ask, fleet } = await served();
    const twice = await ask("POST", "/v1/jobs", { headers: json, body: '{"name":"ann","seed":1,"seed":2}' });
    expect(twice.status).toBe(400);
    expect(refusal(twice)).toEqual({ expected: "each key once in an object", at: "seed", got: "it twice" });
    const inside = await ask("POST", "/v1/jobs", {
      headers: json,
      body: '{"name":"a","adapter":{"rank":2,"r\\u0061nk":3}}',
    });
    expect(inside.status).toBe(400);
    const other = await ask("POST", "/v1/jobs", submit({ name: "ann", seed: 1, SEED: 2 }));
    expect(refusal(other)).toMatchObject({ expected: "only known keys", at: "SEED", hint: "Did you mean seed?" });
    expect(fleet.submitted).toEqual([]);
  });

  it("is told of at the path that was sent", async () => {
    const { ask } = await served();
    await ask("POST", "/v1/jobs", submit({ name: "ann" }));
    const rows = { batchSize: 8, microBatchSize: 3 };
    const whatIf = await ask("POST", "/v1/what-if", submit({ job: { name: "bob", ...rows } }));
    expect([whatIf.status, refusal(whatIf).at]).toEqual([422, "job.microBatchSize"]);
    const data = { path: "relative.jsonl" };
    const clone = await ask("POST", "/v1/jobs/ann/clone", submit({ name: "bob", overrides: { data } }));
    expect([clone.status, refusal(clone).at]).toEqual([422, "overrides.data.path"]);
    const unknown = await ask("POST", "/v1/jobs", submit({ name: "bob", adapter: { rnk: 4 } }));
    expect(refusal(unknown)).toMatchObject({ at: "adapter.rnk", hint: "Did you mean rank?" });
    const budget = await ask("POST", "/v1/jobs", submit({ name: "bob", maxCost: { deviceSeconds: -1 } }));
    expect([budget.status, refusal(budget).at]).toEqual([400, "maxCost.deviceSeconds"]);
  });
});
