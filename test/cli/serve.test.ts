import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { linesOfFile } from "../../files/file-lines.ts";
import { constantCalibration, type JournalLine, parseJournal } from "../../plan/index.ts";
import type { JobStatus } from "../../server/index.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(folder, ...names);

function rows(count: number, offset: number): string {
  const one = (row: number) => ({ input_ids: Array.from({ length: 12 + (row % 5) }, (_, i) => (i * 5 + row) % 90) });
  return Array.from({ length: count }, (_, row) => `${JSON.stringify(one(row + offset))}\n`).join("");
}

/** Rates of which the larger learn more within these steps, and the last one breaks. */
const RATES = [1e-6, 1e-3, 0.02, 0.05];

function workload(halving: Readonly<Record<string, unknown>>, evaluation?: Readonly<Record<string, unknown>>) {
  return {
    kind: "workload",
    version: 1,
    model: { path: "model" },
    defaults: {
      batchSize: 4,
      microBatchSize: 2,
      steps: 24,
      data: { path: "train.jsonl", format: "tokens" },
      ...(evaluation === undefined ? {} : { evaluation }),
    },
    jobs: [{ name: "rate", sweep: { grid: { optimizer: { learningRate: RATES } }, halving } }, { name: "other" }],
  };
}

async function command(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(argv, folder);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

interface Ran {
  readonly jobs: readonly JobStatus[];
  readonly lines: readonly JournalLine[];
  readonly told: readonly Readonly<Record<string, unknown>>[];
  readonly metrics: readonly Readonly<Record<string, unknown>>[];
}

function jsonLines(file: string): readonly Readonly<Record<string, unknown>>[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function serve(name: string, written: unknown, ...more: readonly string[]): Promise<Ran> {
  writeFileSync(at(`${name}.json`), JSON.stringify(written));
  const devices = ["--devices", "cpu:0,cpu:1", "--pipelines", "1", "--calibration", "constant.json"];
  const options = [...devices, "--once", "--json", ...more];
  const { jobs } = JSON.parse(await command("serve", `${name}.json`, "-o", name, ...options)) as Pick<Ran, "jobs">;
  const journal = at(name, "journal.jsonl");
  return {
    jobs,
    lines: parseJournal(linesOfFile(journal), journal).lines,
    told: jsonLines(journal).filter(({ event }) => event === "halving"),
    metrics: jsonLines(at(name, "metrics.jsonl")),
  };
}

beforeAll(async () => {
  writeFileSync(at("train.jsonl"), rows(60, 0));
  // Every action takes a second as it is planned, so that few are queued ahead.
  writeFileSync(at("constant.json"), JSON.stringify(constantCalibration()));
  await command("init-model", "model", "--hidden-size", "32", "--layers", "2", "--heads", "2", "--kv-heads", "2");
}, 120_000);

/** The losses of a run by job and step. */
function lossesOf({ metrics }: Ran, key: "loss" | "evaluationLoss"): ReadonlyMap<string, number> {
  return new Map(
    metrics.flatMap((row) => (key in row ? [[`${row["job"]} ${row["step"]}`, row[key] as number] as const] : [])),
  );
}

describe.each([
  ["training losses", undefined, "loss"],
  ["evaluation losses", { share: 0.2, everySteps: 4 }, "evaluationLoss"],
] as const)("a sweep that is halved by its %s while it trains", (what, evaluation, key) => {
  const name = key;
  let ran: Ran;
  beforeAll(async () => {
    const halving = { firstRows: 32, eta: 2, over: 1, synchronous: true };
    ran = await serve(name, workload(halving, evaluation), "--policy", "mlora");
  }, 120_000);

  it("stops all but the best half at each rung, compared after the same rows, and tells why", () => {
    const losses = lossesOf(ran, key);
    let there = RATES.map((rate) => `rate-lr${rate}`);
    for (const iterations of [8, 16]) {
      const ranked = [...there].sort(
        (a, b) => losses.get(`${a} ${iterations - 1}`)! - losses.get(`${b} ${iterations - 1}`)!,
      );
      there = ranked.slice(0, ranked.length / 2);
      for (const job of ranked.slice(ranked.length / 2)) {
        const status = ran.jobs.find((each) => each.name === job)!;
        expect(status.standing).toBe("stopped");
        expect(status.why).toMatch(
          new RegExp(`^\\d.. of \\d at ${iterations} iterations: loss .*, at most \\d goe?s? on`),
        );
        expect(status.done).toBeLessThan(24);
        expect(existsSync(status.adapter!)).toBe(true);
      }
    }
    const best = ran.jobs.find((each) => each.name === there[0])!;
    expect([best.standing, best.done]).toEqual(["ended", 24]);
    expect(ran.jobs.find((each) => each.name === "other")).toMatchObject({ standing: "ended", done: 24 });
  });

  it("writes a line of its journal for each verdict, and explains what became of a job", async () => {
    const stopped = ran.told.filter(({ verdict }) => verdict === "stop");
    expect(stopped).toHaveLength(3);
    expect(stopped[0]).toMatchObject({ sweep: "rate", rung: 0 });
    const paused = ran.lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "pause"));
    expect(paused.length).toBeGreaterThan(0);
    for (const event of paused)
      expect(event).toMatchObject({ by: "halving", why: expect.stringMatching(/too few have come to compare$/) });
    const story = await command("explain", name, `${stopped[0]!["job"]}`);
    expect(story).toMatch(/It was stopped by halving at .* after \d+ of 24 iterations: \d.. of \d at 8 iterations/);
    const winner = ran.jobs.find(({ name: own, standing }) => own !== "other" && standing === "ended")!.name;
    const waited = ran.told.some(({ job, verdict }) => job === winner && verdict === "pause");
    if (waited) expect(await command("explain", name, winner)).toMatch(/halving let it go on: 1st of \d at/);
  });

  it(`keeps ${what === "training losses" ? "no adapter beside the last" : "the best adapters, too"}`, () => {
    for (const { name: own, best, evaluationLoss } of ran.jobs) {
      const folderOf = at(name, "best", own);
      expect(existsSync(folderOf)).toBe(evaluation !== undefined);
      expect(best?.adapter ?? null).toBe(evaluation === undefined ? null : folderOf);
      if (evaluation === undefined) continue;
      const rowsOf = ran.metrics.filter((row) => row["job"] === own && "evaluationLoss" in row);
      expect(rowsOf.at(-1)!["evaluationLoss"]).toBe(evaluationLoss);
      expect(best!.loss).toBe(Math.min(...rowsOf.map((row) => row["evaluationLoss"] as number)));
    }
  });
});

describe("a job that diverges in its last steps", () => {
  it("is stopped, with the reason, and leaves no adapter", async () => {
    const { defaults } = workload({});
    const ran = await serve("diverging", {
      ...{ kind: "workload", version: 1, model: { path: "model" } },
      defaults: { ...defaults, steps: 2, optimizer: { learningRate: 1e30 } },
      jobs: [{ name: "broken" }, { name: "whole", optimizer: { learningRate: 1e-3 } }],
    });
    const why = expect.stringMatching(/is NaN/);
    expect(ran.jobs[0]).toMatchObject({ name: "broken", standing: "stopped", done: 2, adapter: null, why });
    expect(ran.jobs[1]).toMatchObject({ name: "whole", standing: "ended", why: "it has trained all iterations" });
    expect(existsSync(at("diverging", "adapters", "broken"))).toBe(false);
    await command("validate", "diverging");
  });
});

describe("a job that may be stopped early", () => {
  it("is stopped by its evaluation losses where it has some, also when its training losses say nothing", {
    tags: ["slow"],
  }, async () => {
    const rules = { warmupSteps: 1, divergence: false, plateau: false, patience: 3 };
    const { defaults } = workload({}, { share: 0.2, everySteps: 2 });
    const still = { optimizer: { learningRate: 1e-12 } };
    const ran = await serve("early", {
      ...{ kind: "workload", version: 1, model: { path: "model" } },
      defaults: { ...defaults, steps: 40, earlyStopping: rules },
      jobs: [
        { name: "still", ...still },
        { name: "moving", optimizer: { learningRate: 0.01 } },
        { name: "unwatched", ...still, earlyStopping: false },
      ],
    });
    const [first, moving, unwatched] = ran.jobs;
    expect(first).toMatchObject({ standing: "stopped", why: expect.stringMatching(/evaluation/) });
    expect(first!.done).toBeLessThan(20);
    expect(moving!.standing).toBe("ended");
    expect(unwatched).toMatchObject({ standing: "ended", done: 40 });
    const stops = ran.lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "stop"));
    expect(stops).toHaveLength(1);
    expect(stops[0]).toMatchObject({ by: "early-stopping" });
  });
});
