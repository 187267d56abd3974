import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { type Measurement, measurementSchema, metadataSchema } from "../../bench/measurement.ts";
import { runSuite, type SuiteResult, writeResults } from "../../bench/run-suite.ts";
import { SUITES } from "../../bench/suites/suites.ts";
import { resultTables } from "../../bench/table.ts";
import { publishedFiles } from "./published-files.ts";

const NO_PYTHON = path.join(import.meta.dirname, "no-python");

type TinyResult = SuiteResult & { readonly notes: readonly string[] };
const known = new Map<keyof typeof SUITES, Promise<TinyResult>>();

/** A suite's result, made once. */
function tiny(name: keyof typeof SUITES): Promise<TinyResult> {
  const result = known.get(name) ?? runTiny(name);
  known.set(name, result);
  return result;
}

async function runTiny(name: keyof typeof SUITES): Promise<TinyResult> {
  const notes: string[] = [];
  const python = process.env["LORATWIN_PYTHON"];
  process.env["LORATWIN_PYTHON"] = NO_PYTHON;
  try {
    const note = (text: string): void => void notes.push(text);
    const place = name === "external" ? { place: publishedFiles() } : {};
    const options = { scale: "tiny", large: false, note, command: "npm run bench", ...place } as const;
    return { ...(await runSuite(name, SUITES[name], options)), notes };
  } finally {
    if (python === undefined) delete process.env["LORATWIN_PYTHON"];
    else process.env["LORATWIN_PYTHON"] = python;
  }
}

function namesOf(measurements: readonly Measurement[]): readonly string[] {
  return [...new Set(measurements.map(({ name }) => name))].sort();
}

/** What each suite says, without PyTorch and without what needs a process of its own. */
const NAMES: Readonly<Record<keyof typeof SUITES, readonly string[]>> = {
  kernels: ["alone", "moved", "of the base products' time", "rate", "read bandwidth", "register peak"],
  training: [
    "loratwin",
    "model arithmetic",
    "of the step",
    "peak memory",
    "practical ceiling",
    "time",
    "waiting for JavaScript",
  ],
  adapters: ["fused", "fused against one after another", "one after another", "rate of products", "read bandwidth"],
  pipeline: ["busy, stage 0 to 1", "one device", "steady bubble", "two against one", "two devices"],
  memory: ["measured peak", "planned"],
  simulator: [
    "peak memory",
    "peak memory with it",
    "plan",
    "simulate",
    "times alone",
    "trace as text",
    "trace file",
    "trace read once",
    "with the trace",
    "write",
  ],
  external: ["mean", "median", "p90", "worst"],
  twin: [
    "makespan",
    "makespan error",
    "makespan error, calibrated before",
    "makespan error, medians replayed",
    "mean action error",
    "mean action error, single runs",
    "peak memory, measured to planned",
    "weighted action error",
  ],
};

test.each(Object.keys(SUITES) as (keyof typeof SUITES)[])(
  "%s measures what its table shows, and writes lines that read back",
  async (name) => {
    const result = await tiny(name);
    expect(namesOf(result.measurements)).toEqual(NAMES[name]);
    expect(result.measurements.every(({ suite, value }) => suite === name && Number.isFinite(value))).toBe(true);

    const folder = mkdtempSync(path.join(tmpdir(), "loratwin-bench-"));
    try {
      const file = writeResults(folder, result);
      expect(path.basename(file)).toBe(`${name}.jsonl`);
      const [first, ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
      expect(metadataSchema.parse(JSON.parse(first!))).toEqual(result.metadata);
      expect(lines.map((line) => measurementSchema.parse(JSON.parse(line)))).toEqual(result.measurements);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }

    const tables = resultTables(result.measurements);
    for (const { name: column } of result.measurements) expect(tables).toContain(column);
  },
  60_000,
);

test("without PyTorch the training suite says so and gives its own numbers", async () => {
  const { notes, measurements } = await tiny("training");
  expect(notes[0]).toMatch(/^No PyTorch in .*: only loratwin's own numbers/);
  expect(measurements.some(({ name }) => name.includes("PyTorch"))).toBe(false);
});

test("planned memory is what is measured", async () => {
  const { measurements } = await tiny("memory");
  for (const { limit } of measurements) if (limit !== undefined) expect(limit.share).toBeLessThanOrEqual(1);
});
