import { didYouMean, InputError, looseName } from "../../core/index.ts";
import type { Catalog } from "./catalog.ts";

/** Makers and families, which the catalog's names do without. */
const MAKERS: readonly string[] = ["nvidia", "amd", "intel", "geforce", "tesla", "instinct", "gpu"];

/** `A100-SXM4-80GB` as a100, sxm, 80. */
function wordsOf(name: string): readonly string[] {
  return name
    .toLowerCase()
    .split(/[\s_-]+/)
    .map((word) => word.replace(/^sxm\d$/, "sxm").replace(/^(\d+)gi?b$/, "$1"))
    .filter((word) => word !== "" && !MAKERS.includes(word));
}

/**
 * The devices of the catalog that a name may be of: the one of that name, whatever its case, spaces and dashes; else
 * those that have all of its words, as `RTX 4090` has 4090; else the one whose words it has beside a size of memory.
 */
export function devicesNamed({ devices }: Catalog, given: string): readonly string[] {
  if (Object.hasOwn(devices, given)) return [given];
  const names = Object.keys(devices);
  const same = names.filter((name) => looseName(name) === looseName(given));
  if (same.length > 0) return same;
  const words = wordsOf(given);
  if (words.length === 0) return [];
  const having = names.filter((name) => words.every((word) => wordsOf(name).includes(word)));
  if (having.length > 0) return having;
  return names.filter((name) => {
    const own = wordsOf(name);
    return own.every((word) => words.includes(word)) && words.every((word) => own.includes(word) || /^\d+$/.test(word));
  });
}

/** What to say to a name that is none in the catalog, or is of several devices there. */
export function deviceHint(catalog: Catalog, given: string, several: readonly string[] = []): string {
  const names = Object.keys(catalog.devices);
  const meant =
    several.length > 1
      ? `It may be ${several.slice(0, -1).join(", ")} or ${several.at(-1)}.`
      : didYouMean(given, names);
  return `${meant === undefined ? "" : `${meant} `}\`loratwin catalog\` lists all.`;
}

/**
 * The catalog's name of a device; `at`: where it was given.
 * @throws InputError for a name that is none there, or is of several devices
 */
export function requireDeviceName(catalog: Catalog, given: string, at?: string): string {
  const found = devicesNamed(catalog, given);
  if (found.length === 1) return found[0]!;
  throw new InputError({
    expected: `${found.length > 1 ? "one device" : "a device"} of the catalog`,
    ...(at === undefined ? {} : { at }),
    got: given,
    hint: deviceHint(catalog, given, found),
  });
}
