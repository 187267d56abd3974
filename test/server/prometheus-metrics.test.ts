import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../files/index.ts";
import type { StepNotice } from "../../server/index.ts";
import { busyFleet } from "./busy-fleet.ts";
import { type Family, parseMetrics } from "./metrics-text.ts";
import { ask, type Served, serve } from "./served.ts";

const step = (name: string, number: number, facts: Partial<StepNotice> = {}): StepNotice => ({
  ...{ kind: "step", name, step: number, loss: 2, gradNorm: 0.5, learningRate: 1e-4, tokens: 100, seconds: 0.2 },
  ...facts,
});

async function measured({ server }: Served): Promise<ReadonlyMap<string, Family>> {
  const { status, text } = await ask(server.address.socket, "GET", "/metrics");
  expect(status).toBe(200);
  return parseMetrics(text);
}

function sampleOf(families: ReadonlyMap<string, Family>, name: string, labels: Record<string, string> = {}) {
  const found = families
    .get(name)
    ?.samples.find((each) => Object.entries(labels).every(([key, value]) => each.labels[key] === value));
  return found?.value;
}

async function submit({ server }: Served, ...names: readonly string[]): Promise<void> {
  for (const name of names)
    await ask(server.address.socket, "POST", "/v1/jobs", { body: { name, adapter: { rank: 4 } } });
}

describe("/metrics", () => {
  it("has the media type, the names and the types that Prometheus asks for", async () => {
    const served = await serve();
    busyFleet(served.fleet);
    const { headers } = await ask(served.server.address.socket, "GET", "/metrics");
    expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    const families = await measured(served);
    for (const [name, { help, type, samples }] of families) {
      expect(name).toMatch(/^(?:loratwin|process)_[a-z_]+$/);
      expect(help, name).toMatch(/\.$/);
      expect(["counter", "gauge", "histogram"], name).toContain(type);
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      // Base units only.
      expect(name).not.toMatch(/milli|micro|nano|minutes|hours|kilo|mega|percent/);
      if (type !== "histogram") continue;
      const buckets = samples.filter((each) => each.name.endsWith("_bucket")).map(({ value }) => value);
      expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
      expect(buckets.at(-1)).toBe(samples.find((each) => each.name.endsWith("_count"))!.value);
    }
    expect(sampleOf(families, "loratwin_build_info", { version: VERSION })).toBe(1);
    expect(sampleOf(families, "process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(sampleOf(families, "process_start_time_seconds")).toBeCloseTo(Date.now() / 1000 - process.uptime(), -1);
  });

  it("counts jobs by where they are, the queue, steps and tokens", async () => {
    const served = await serve();
    await submit(served, "ann", "bob", "eve");
    served.fleet.change("bob", { standing: "running" });
    served.fleet.change("eve", { standing: "preempted" });
    for (const number of [0, 1, 2]) served.fleet.tell(step("ann", number));
    served.fleet.tell(step("bob", 0, { tokens: 11, seconds: 400 }));
    served.fleet.tell({ kind: "evaluation", name: "ann", step: 2, loss: 1, tokens: 5, best: true });
    const families = await measured(served);
    expect(sampleOf(families, "loratwin_jobs", { standing: "waiting" })).toBe(1);
    expect(sampleOf(families, "loratwin_jobs", { standing: "running" })).toBe(1);
    expect(sampleOf(families, "loratwin_jobs", { standing: "failed" })).toBe(0);
    expect(sampleOf(families, "loratwin_queue_jobs")).toBe(2);
    expect(sampleOf(families, "loratwin_queue_limit_jobs")).toBe(2000);
    expect(sampleOf(families, "loratwin_pipeline_jobs", { pipeline: "0", devices: "cpu:0,cpu:1" })).toBe(0);
    expect(sampleOf(families, "loratwin_steps_total")).toBe(4);
    expect(sampleOf(families, "loratwin_tokens_total")).toBe(311);
    expect(sampleOf(families, "loratwin_evaluations_total")).toBe(1);
    expect(sampleOf(families, "loratwin_step_duration_seconds", { le: "0.25" })).toBe(3);
    expect(sampleOf(families, "loratwin_step_duration_seconds", { le: "+Inf" })).toBe(4);
    expect(sampleOf(families, "loratwin_uptime_seconds")).toBe(12);
    expect(sampleOf(families, "loratwin_draining")).toBe(0);
  });

  it("has the last numbers of a job, NaN for those that were not finite, and none before there are any", async () => {
    const served = await serve();
    await submit(served, "ann", "bob");
    served.fleet.change("ann", {
      ...{ done: 3, loss: null, evaluationLoss: 1.75, best: { step: 1, loss: 1.5, adapter: null } },
    });
    served.fleet.tell(step("ann", 1));
    served.fleet.tell(step("ann", 2, { loss: null, gradNorm: null, learningRate: 2e-4, tokens: 7 }));
    const first = await measured(served);
    const ofAnn = (name: string) => sampleOf(first, `loratwin_job_${name}`, { job: "ann" });
    expect(ofAnn("steps_total")).toBe(3);
    expect(ofAnn("planned_steps")).toBe(3);
    expect(ofAnn("tokens_total")).toBe(107);
    expect([ofAnn("loss"), ofAnn("grad_norm")]).toEqual([Number.NaN, Number.NaN]);
    expect(ofAnn("learning_rate")).toBe(2e-4);
    expect([ofAnn("evaluation_loss"), ofAnn("best_evaluation_loss")]).toEqual([1.75, 1.5]);
    expect(ofAnn("predicted_end_seconds")).toBe(30);
    expect(sampleOf(first, "loratwin_job_loss", { job: "bob" })).toBeUndefined();
    expect(sampleOf(first, "loratwin_job_steps_total", { job: "bob" })).toBe(0);
    // A scrape changes nothing.
    served.fleet.change("ann", { loss: 1.25 });
    const second = await measured(served);
    expect(sampleOf(second, "loratwin_job_steps_total", { job: "ann" })).toBe(3);
    expect(sampleOf(second, "loratwin_job_loss", { job: "ann" })).toBe(1.25);
  });

  it("keeps only the latest of the jobs that are over, and all totals", async () => {
    const served = await serve({ limits: { measuredOver: 2 } });
    const names = ["a", "b", "c", "d"];
    await submit(served, ...names, "live");
    for (const name of [...names, "live"]) served.fleet.tell(step(name, 0));
    // The last one has ended first.
    for (const [number, name] of names.entries())
      served.fleet.change(name, { standing: "ended", endSeconds: 10 - number, done: 1 });
    const families = await measured(served);
    const jobs = families.get("loratwin_job_loss")!.samples.map(({ labels }) => labels["job"]);
    expect(jobs.sort()).toEqual(["a", "b", "live"]);
    expect(sampleOf(families, "loratwin_jobs", { standing: "ended" })).toBe(4);
    expect(sampleOf(families, "loratwin_tokens_total")).toBe(500);
  });

  it("asks for the token as other routes do", async () => {
    const { server, folder } = await serve({ tcp: { host: "127.0.0.1", port: 0, tokenFile: "token" } });
    const url = server.address.url!;
    expect((await ask(url, "GET", "/metrics")).status).toBe(401);
    const token = readFileSync(path.join(folder, "token"), "utf8").trim();
    const { status } = await ask(url, "GET", "/metrics", { headers: { authorization: `Bearer ${token}` } });
    expect(status).toBe(200);
  });
});
