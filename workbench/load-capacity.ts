import { type CapacityRequest, slotKind } from "../capacity/index.ts";
import { InputError } from "../core/index.ts";
import { allCandidates, candidatesSchema, forecastSchema, parseDocument, pricesSchema } from "../plan/index.ts";
import type { Place } from "./context.ts";
import { readInput } from "./files.ts";
import { loadCatalog } from "./load-cluster.ts";

/** The documents that a question about machines is asked with, by their paths. */
export interface CapacityFiles {
  readonly forecast: string;
  readonly candidates: string;
  readonly prices: string;
  readonly catalog?: string | undefined;
}

/** @throws InputError for a document that is none, or says more candidates than can be looked at */
export function loadCapacity(
  place: Place,
  files: CapacityFiles,
): Pick<CapacityRequest, "forecast" | "kinds" | "catalog" | "prices" | "candidates"> {
  const read = (file: string, what: string) => readInput(place, file, what);
  const forecastText = read(files.forecast, "a forecast");
  const forecast = parseDocument(forecastSchema, forecastText.text, forecastText.file);
  const candidatesText = read(files.candidates, "a file of candidates");
  const candidates = allCandidates(parseDocument(candidatesSchema, candidatesText.text, candidatesText.file));
  if (candidates === undefined)
    throw new InputError({
      expected: "values that make at most 100000 candidates",
      file: candidatesText.file,
      at: "generate",
    });
  const pricesText = read(files.prices, "a file of prices");
  const prices = parseDocument(pricesSchema, pricesText.text, pricesText.file);
  const catalog = loadCatalog(place, files.catalog);
  return { forecast, kinds: forecast.kinds.map(slotKind), catalog, prices, candidates };
}
