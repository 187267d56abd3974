import { type FileOrDocument, type Place, readInput } from "../../files/index.ts";
import { checkDocument, type Prices, pricesSchema, type ReadText, readText } from "../../plan/index.ts";

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
