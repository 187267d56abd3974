import type { ErrorFacts } from "../core/index.ts";

/** The facts of an error on what was handed in, which lies in no file. */
export function placeless({ file: _file, line: _line, column: _column, further, ...facts }: ErrorFacts): ErrorFacts {
  return further === undefined ? facts : { ...facts, further: further.map(placeless) };
}
