import { checkDocument, type Prices, pricesSchema, type ReadText, readText } from "../plan/index.ts";
import type { Place } from "./context.ts";
import { type FileOrDocument, readInput } from "./files.ts";

export interface LoadedPrices {
  readonly prices: Prices;
  readonly source: ReadText;
}

/** What accelerators cost, from its file. @throws InputError */
export function loadPrices(place: Place, given: FileOrDocument): LoadedPrices {
  const { text, file } = readInput(place, given, "a file of prices");
  const source = readText(text, file);
  return { prices: checkDocument(pricesSchema, source.value, source), source };
}
