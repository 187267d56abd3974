import { type Place, readInput } from "../../files/index.ts";
import { placeError, readText } from "../../plan/index.ts";
import { parseTraceDocument, type Trace } from "../../traces/index.ts";

/** A trace file. @throws InputError */
export function readTrace(place: Place, file: string): Trace {
  const input = readInput(place, file, "a trace file or a run folder");
  const source = readText(input.text, input.file);
  try {
    return parseTraceDocument(source.value, { file: source.file });
  } catch (error) {
    throw placeError(error, source);
  }
}
