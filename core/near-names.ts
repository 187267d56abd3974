/** A text that is longer is no slip of the fingers. */
const LONGEST = 100;
/** Names that are told. */
const MOST = 3;

/** Without what people write differently: case, spaces, dashes, dots and underscores. */
export function looseName(name: string): string {
  return name.toLowerCase().replaceAll(/[\s._-]+/g, "");
}

/** Characters to put in, leave out or replace, and neighbours to change over, to get from one text to the other. */
function edits(a: string, b: string): number {
  let [older, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j]!, older[j - 2]! + 1);
    }
    [older, row] = [row, next];
  }
  return row[b.length]!;
}

/** How far a name is from what was given; infinite where nobody takes one for the other. */
function farness(given: string, name: string): number {
  if (given === name) return 0;
  if (Math.min(given.length, name.length) >= 2 && (name.startsWith(given) || given.startsWith(name))) return 1.5;
  const most = Math.max(1, Math.floor(Math.min(given.length, name.length) / 3));
  if (Math.abs(given.length - name.length) > most) return Number.POSITIVE_INFINITY;
  const distance = edits(given, name);
  return distance <= most ? distance : Number.POSITIVE_INFINITY;
}

/** The names that somebody may have meant, the nearest first; at most three. */
export function nearNames(given: string, names: readonly string[]): readonly string[] {
  if (given.length > LONGEST) return [];
  const loose = looseName(given);
  return names
    .filter((name) => name !== given && name.length <= LONGEST)
    .map((name) => ({ name, far: farness(loose, looseName(name)) }))
    .filter(({ far }) => far < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.far - b.far)
    .slice(0, MOST)
    .map(({ name }) => name);
}

/** "Did you mean rank, or ranks?" of the nearest names; undefined where none is near. */
export function didYouMean(given: string, names: readonly string[]): string | undefined {
  const near = nearNames(given, names);
  if (near.length === 0) return undefined;
  return `Did you mean ${near.slice(0, -1).join(", ")}${near.length > 1 ? " or " : ""}${near.at(-1)}?`;
}
