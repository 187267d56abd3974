import { InputError } from "../core/index.ts";
import { parseTraceDocument, type Trace } from "../traces/index.ts";
import { isFolder, readInput } from "./files.ts";
import type { Io } from "./io.ts";

/** A trace file, or the trace of a run folder. @throws InputError */
export function loadTrace(io: Io, file: string): Trace {
  const input = readInput(io, isFolder(io, file) ? `${file}/trace.json` : file, "a trace file or a run folder");
  let value: unknown;
  try {
    value = JSON.parse(input.text);
  } catch (cause) {
    throw new InputError({ expected: "a trace in JSON", file: input.file, got: (cause as Error).message }, { cause });
  }
  return parseTraceDocument(value, { file: input.file });
}
