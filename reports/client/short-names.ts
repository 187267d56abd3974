// Names where there is little room, without the DOM.
import { groupBy } from "../../core/index.ts";

/** What stands between the parts of a name. */
const BETWEEN = /[-_ /:,=]/;

/** With less room than this only the end of a name is shown. */
const TIGHT = 10;

type Letters = readonly string[];

function withoutMiddle(letters: Letters, most: number): string {
  if (letters.length <= most) return letters.join("");
  const head = most < TIGHT ? 0 : Math.floor((most - 1) / 3);
  return [...letters.slice(0, head), "…", ...letters.slice(head + 1 - most)].join("");
}

/** How many letters all of them begin with. */
function sharedStart(names: readonly Letters[]): number {
  const [first = [], ...others] = names;
  const end = first.findIndex((letter, place) => others.some((other) => other[place] !== letter));
  return end < 0 ? first.length : end;
}

/** The piece that has the letter at a place, if there is room from the begin of the part of the name that it is in. */
function pieceAt(letters: Letters, place: number, most: number): string {
  if (letters.length <= most) return letters.join("");
  const begin = 1 + letters.slice(0, place).findLastIndex((letter) => BETWEEN.test(letter));
  const start = Math.min(place - begin < most / 2 ? begin : place, letters.length - most + 1);
  const [rest, room] = [letters.slice(start), start > 0 ? most - 1 : most];
  const shown = rest.length > room ? [...rest.slice(0, room - 1), "…"] : rest;
  return `${start > 0 ? "…" : ""}${shown.join("")}`;
}

/** Labels of some names by where they differ; those that are still alike by where these do. */
function tellApart(names: readonly Letters[], most: number): ReadonlyMap<Letters, string> {
  const shared = sharedStart(names);
  const labels = new Map(names.map((name) => [name, pieceAt(name, Math.min(shared, name.length - 1), most)]));
  for (const alike of groupBy(names, (name) => labels.get(name)!).values())
    if (alike.length > 1 && sharedStart(alike) > shared)
      for (const [name, label] of tellApart(alike, most)) labels.set(name, label);
  return labels;
}

/**
 * Names in at most `most` letters each. Those that are longer lose their middle, or where some would then be alike, as
 * points of a sweep, what they share.
 */
export function shortNames(names: readonly string[], most: number): readonly string[] {
  const letters = names.map((name) => [...name]);
  const cut = letters.map((name) => withoutMiddle(name, most));
  const numNames = new Set(names).size;
  if (new Set(cut).size === numNames) return cut;
  const labels = tellApart(
    letters.filter(({ length }) => length > most),
    most,
  );
  const made = letters.map((name) => labels.get(name) ?? name.join(""));
  if (new Set(made).size === numNames) return made;
  // What differs in several places has its number among all.
  const counts = new Map(made.map((label) => [label, made.filter((other) => other === label).length]));
  return made.map((label, place) => {
    const number = `…${place + 1}`;
    return counts.get(label) === 1 ? label : `${[...label].slice(0, most - number.length).join("")}${number}`;
  });
}
