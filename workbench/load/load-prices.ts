import { type FileOrDocument, type Place, readInput } from "../../files/index.ts";
import {
  type Catalog,
  checkDocument,
  devicesNamed,
  type Prices,
  pricesSchema,
  type ReadText,
  readText,
} from "../../plan/index.ts";

export interface LoadedPrices {
  readonly prices: Prices;
  readonly source: ReadText;
}

/** What accelerators cost, from its file, by the catalog's names where it has them. @throws InputError */
export function loadPrices(place: Place, given: FileOrDocument, catalog: Catalog): LoadedPrices {
  const { text, file } = readInput(place, given, "a file of prices");
  const source = readText(text, file);
  const prices = checkDocument(pricesSchema, source.value, source);
  const named = Object.entries(prices.accelerators).map(([name, price]) => {
    const found = devicesNamed(catalog, name);
    return [found.length === 1 ? found[0]! : name, price] as const;
  });
  return { prices: { ...prices, accelerators: Object.fromEntries(named) }, source };
}
