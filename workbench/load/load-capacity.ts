import { type CapacityRequest, slotKind } from "../../capacity/index.ts";
import { InputError } from "../../core/index.ts";
import { absolute, type Place, readInput } from "../../files/index.ts";
import {
  allCandidates,
  type Candidates,
  type Catalog,
  candidatesSchema,
  forecastSchema,
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

/** The same candidates, of accelerators by the catalog's names. @throws InputError for one that is none */
function namedAsCatalog(candidates: Candidates, catalog: Catalog, file: string): Candidates {
  const { generate } = candidates;
  try {
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
  } catch (error) {
    throw error instanceof InputError ? new InputError({ ...error.facts, file }) : error;
  }
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
  const candidates = allCandidates(namedAsCatalog(written, catalog, absolute(place, files.candidates)));
  if (candidates === undefined)
    throw new InputError({
      expected: "values that make at most 100000 candidates",
      file: absolute(place, files.candidates),
      at: "generate",
    });
  const { prices } = loadPrices(place, files.prices, catalog);
  return { forecast, kinds: forecast.kinds.map(slotKind), catalog, prices, candidates };
}
