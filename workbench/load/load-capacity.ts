import { type CapacityRequest, type SlotKind, slotKind } from "../../capacity/index.ts";
import { InputError } from "../../core/index.ts";
import { absolute, type Place, readInput } from "../../files/index.ts";
import {
  allCandidates,
  type Candidates,
  type Catalog,
  candidatesSchema,
  devicesNamed,
  type Forecast,
  forecastSchema,
  type Prices,
  parseDocument,
  requireDeviceName,
} from "../../plan/index.ts";
import { loadCatalog } from "./load-cluster.ts";
import { loadPrices } from "./load-prices.ts";

/** The documents that a question about machines is asked with, by their paths. */
export interface CapacityFiles {
  readonly forecast: string;
  readonly candidates: string;
  readonly prices: string;
  readonly catalog?: string | undefined;
}

/** What `make` makes; its errors are of a file. */
function inFile<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof InputError ? new InputError({ ...error.facts, file }) : error;
  }
}

/** The same candidates, of accelerators by the catalog's names. @throws InputError for one that is none */
function namedAsCatalog(candidates: Candidates, catalog: Catalog): Candidates {
  const { generate } = candidates;
  return {
    ...candidates,
    candidates: candidates.candidates.map((each, i) => ({
      ...each,
      accelerator: requireDeviceName(catalog, each.accelerator, `candidates[${i}].accelerator`),
    })),
    generate: generate && {
      ...generate,
      accelerators: generate.accelerators.map((name, i) =>
        requireDeviceName(catalog, name, `generate.accelerators[${i}]`),
      ),
    },
  };
}

/** The kinds of a forecast's jobs. @throws InputError for rows that are longer than their model takes */
function kindsOf({ kinds }: Forecast, file: string): readonly SlotKind[] {
  const known = kinds.map(slotKind);
  for (const [index, { kind, work }] of known.entries()) {
    const { maxPositions } = work.architecture;
    if (kind.tokens.max > maxPositions)
      throw new InputError({
        expected: `at most ${maxPositions}, the model's positions,`,
        ...{ file, at: `kinds[${index}].tokens.max`, got: kind.tokens.max },
      });
  }
  return known;
}

/** @throws InputError for a price that no accelerator of the catalog has */
function checkPriced({ accelerators }: Prices, catalog: Catalog, file: string): void {
  const unknown = Object.keys(accelerators).find((name) => devicesNamed(catalog, name).length === 0);
  if (unknown !== undefined) inFile(file, () => requireDeviceName(catalog, unknown, "accelerators"));
}

/** @throws InputError for a document that is none, or says more candidates than can be looked at */
export function loadCapacity(
  place: Place,
  files: CapacityFiles,
): Pick<CapacityRequest, "forecast" | "kinds" | "catalog" | "prices" | "candidates"> {
  const read = <Schema extends Parameters<typeof parseDocument>[0]>(schema: Schema, given: string, what: string) => {
    const { text, file } = readInput(place, given, what);
    return parseDocument(schema, text, file);
  };
  const forecast = read(forecastSchema, files.forecast, "a forecast");
  const catalog = loadCatalog(place, files.catalog);
  const written = read(candidatesSchema, files.candidates, "a file of candidates");
  const candidates = allCandidates(inFile(absolute(place, files.candidates), () => namedAsCatalog(written, catalog)));
  if (candidates === undefined)
    throw new InputError({
      expected: "values that make at most 100000 candidates",
      file: absolute(place, files.candidates),
      at: "generate",
    });
  const { prices, source } = loadPrices(place, files.prices, catalog);
  checkPriced(prices, catalog, source.file);
  return { forecast, kinds: kindsOf(forecast, absolute(place, files.forecast)), catalog, prices, candidates };
}
