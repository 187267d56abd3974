import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { metadata } from "./machine.ts";
import { type Measurement, type Metadata, measurementSchema } from "./measurement.ts";
import type { Bench, Suite } from "./suite.ts";

export interface SuiteResult {
  readonly metadata: Metadata;
  readonly measurements: readonly Measurement[];
}

export interface RunOptions extends Pick<Bench, "scale" | "large" | "only" | "place" | "note"> {
  /** The command line, for the results file. */
  readonly command: string;
}

/** Runs a suite; every line is checked before it counts. */
export async function runSuite(name: string, suite: Suite, options: RunOptions): Promise<SuiteResult> {
  const measurements: Measurement[] = [];
  const { command, ...given } = options;
  const facts = metadata(name, command);
  await suite.run({
    ...given,
    record: (measurement) => void measurements.push(measurementSchema.parse({ suite: name, ...measurement })),
  });
  return { metadata: facts, measurements };
}

/** The results as JSON lines, metadata first. */
export function resultLines({ metadata, measurements }: SuiteResult): string {
  return [metadata, ...measurements].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Writes FOLDER/SUITE.jsonl and returns its path. */
export function writeResults(folder: string, result: SuiteResult): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${result.metadata.suite}.jsonl`);
  writeFileSync(file, resultLines(result));
  return file;
}
