import { InputError } from "../../core/index.ts";
import { type Place, readInput, VERSION } from "../../files/index.ts";
import { baselineSchema, type Golden, parseDocument, type RegressBaseline, readText } from "../../plan/index.ts";
import type { SeenGolden } from "../../studies/index.ts";
import type { LoadedGoldens } from "./load-goldens.ts";

/** What golden workloads came to, to be compared with later: numbers and digests. */
export function storedBaseline(seen: readonly SeenGolden[]): RegressBaseline {
  const lists = new Map(seen.map(({ stored: { fields } }) => [fields.join("\n"), fields]));
  const places = [...lists.keys()];
  return {
    kind: "regress-baseline",
    version: 2,
    release: `loratwin ${VERSION}`,
    fields: [...lists.values()],
    goldens: Object.fromEntries(
      seen.map(({ golden, stored: { fields, ...stored } }) => [
        golden.name,
        { ...stored, fields: places.indexOf(fields.join("\n")) },
      ]),
    ),
  };
}

/** What is stored of golden workloads, in their order. @throws InputError for a file that is no baseline */
export function loadBaseline(
  place: Place,
  file: string,
  { goldens }: Pick<LoadedGoldens, "goldens">,
): {
  readonly release: string;
  readonly before: readonly SeenGolden[];
  /** Golden workloads that the baseline has not, and names in it that no golden workload has. */
  readonly absent: readonly string[];
  readonly gone: readonly string[];
} {
  const input = readInput(place, file, "a baseline (`loratwin regress update` writes one)");
  const { value } = readText(input.text, input.file);
  if ((value as { readonly version?: unknown } | null)?.version === 1)
    throw new InputError({
      expected: "a baseline of version 2",
      file: input.file,
      got: "one of version 1",
      hint: "`loratwin regress update` writes a new one.",
    });
  const baseline = parseDocument(baselineSchema, input.text, input.file);
  const known = new Map(
    Object.entries(baseline.goldens).map(([name, { fields, ...stored }]) => [
      name,
      { ...stored, fields: baseline.fields[fields] ?? [] },
    ]),
  );
  const isThere = ({ name }: Golden): boolean => known.has(name);
  return {
    release: baseline.release,
    before: goldens.filter(isThere).map((golden) => ({
      ...{ golden, stored: known.get(golden.name)!, error: null, run: undefined },
    })),
    absent: goldens.filter((golden) => !isThere(golden)).map(({ name }) => name),
    gone: [...known.keys()].filter((name) => goldens.every((golden) => golden.name !== name)),
  };
}
