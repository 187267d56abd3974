import { duplicateKey, InputError, measureValue, placeOf } from "../../core/index.ts";

/** Records are flat, or lists of messages; deeper ones nobody can work with. */
const MOST_LEVELS = 100;

/**
 * What `JSON.parse` says nothing of: keys that stand twice, and depth that other readers fall over.
 * @throws InputError with the line and column of a key; `line`: that of the text in its file, if it is one of several
 */
export function checkJson(text: string, value: unknown, file: string, line?: number): void {
  const twice = duplicateKey(text, value);
  if (twice !== undefined) {
    const place = placeOf(text, twice.offset);
    throw new InputError({
      expected: "each key once",
      file,
      ...place,
      ...(line === undefined ? {} : { line }),
      got: twice.key,
    });
  }
  const { depth } = measureValue(value);
  if (depth > MOST_LEVELS)
    throw new InputError({
      expected: `JSON of at most ${MOST_LEVELS} levels`,
      file,
      ...(line === undefined ? {} : { line }),
      got: `${depth} levels, or more`,
    });
}
