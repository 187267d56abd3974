/**
 * Every key path of a document with what its values have to be. Arrays are `[]` in a path, and a key that a table does
 * not name is `*` where the table has that.
 */
export type FieldTable = Readonly<Record<string, Check | Field>>;

/** What is wrong with a value, in words; undefined where nothing is. */
export type Check = (value: unknown, place: Place) => string | undefined;

export interface Field {
  readonly check: Check;
  /** Why there need not be such a path. */
  readonly optional?: string;
  /** Why all its values may be 0, null, false or empty. */
  readonly blank?: string;
}

/** Where a value lies in its document. */
export interface Place {
  readonly path: string;
  /** Numbers of the arrays' entries and names of the maps' on the way, the outermost first. */
  readonly steps: readonly (number | string)[];
  /** What holds the value, the outermost first. */
  readonly owners: readonly unknown[];
}

/** What holds a value: the object or array itself, or what is so many levels further out. */
export function owner<T>({ owners }: Place, outwards = 0): T {
  return owners.at(-1 - outwards) as T;
}

/** A path that need not be there. */
export function optional(reason: string, check: Check | Field): Field {
  return { ...(typeof check === "function" ? { check } : check), optional: reason };
}

/** A path whose values may all be 0, null, false or empty. */
export function blank(reason: string, check: Check): Field {
  return { check, blank: reason };
}

/** The same table one level further in. */
export function under(prefix: string, table: FieldTable): FieldTable {
  return Object.fromEntries(Object.entries(table).map(([path, field]) => [`${prefix}${path}`, field]));
}

/** Words of a path. Names of operators and jobs hold no dots where they are keys. */
function split(path: string): readonly string[] {
  return path === "" ? [] : path.split(/\.|(?=\[\])/);
}

interface Node {
  readonly children: Map<string, Node>;
  path?: string;
}

function tree(table: FieldTable): Node {
  const root: Node = { children: new Map() };
  for (const path of Object.keys(table)) {
    let node = root;
    for (const word of split(path)) {
      const next = node.children.get(word) ?? { children: new Map() };
      node.children.set(word, next);
      node = next;
    }
    node.path = path;
  }
  return root;
}

/** Whether a table has an entry for a path, for what it lies in as a whole, or for something within. */
export function isNamed(table: FieldTable, path: string): boolean {
  let node = tree(table);
  for (const word of split(path)) {
    const next =
      node.children.get(word) ?? node.children.get("*") ?? (word === "*" ? [...node.children.values()][0] : undefined);
    if (next === undefined) return node.path !== undefined && node.children.size === 0;
    node = next;
  }
  return true;
}

function isBlank(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === 0 || value === null || value === false || value === "";
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

class Walk {
  readonly problems = new Map<string, string>();
  /** By path of the table: whether a value was more than blank. */
  readonly seen = new Map<string, boolean>();
  readonly #table: FieldTable;

  constructor(table: FieldTable) {
    this.#table = table;
  }

  /** One problem a path is enough. */
  #say(path: string, text: string): void {
    if (!this.problems.has(path)) this.problems.set(path, `${path}: ${text}`);
  }

  visit(value: unknown, node: Node | undefined, place: Place): void {
    if (node?.path !== undefined) {
      const entry = this.#table[node.path]!;
      const wrong = (typeof entry === "function" ? entry : entry.check)(value, place);
      const where = place.steps.length === 0 ? "" : ` at ${place.steps.join(", ")}`;
      if (wrong !== undefined) this.#say(node.path, `expected ${wrong}, got ${shown(value)}${where}`);
      this.seen.set(node.path, this.seen.get(node.path) === true || !isBlank(value));
    }
    if (typeof value !== "object" || value === null || Object.keys(value).length === 0) {
      if (node?.path === undefined) this.#say(place.path, `has no entry; such a value is ${shown(value)}`);
      return;
    }
    // What is within may be left to the check of the whole, as the numbers of a row.
    if (node?.path !== undefined && node.children.size === 0) return;
    const owners = [...place.owners, value];
    for (const [key, inner] of Object.entries(value)) {
      const isEntry = Array.isArray(value);
      const named = isEntry ? node?.children.get("[]") : node?.children.get(key);
      const mapped = isEntry ? undefined : node?.children.get("*");
      const own = named ?? mapped;
      const word = isEntry ? "[]" : named === undefined && mapped !== undefined ? "*" : key;
      const path = isEntry || place.path === "" ? `${place.path}${word}` : `${place.path}.${word}`;
      const step = isEntry ? [Number(key)] : word === "*" ? [key] : [];
      this.visit(inner, own, { path, owners, steps: [...place.steps, ...step] });
    }
  }
}

/** What is wrong with a document: paths without an entry, entries without a path, values that cannot be. */
export function fieldProblems(document: unknown, table: FieldTable): readonly string[] {
  const walk = new Walk(table);
  walk.visit(document, tree(table), { path: "", steps: [], owners: [] });
  const problems = [...walk.problems.values()];
  for (const [path, entry] of Object.entries(table)) {
    const { optional: isOptional, blank: isBlankFor } =
      typeof entry === "function" ? ({ ...entry } as Partial<Field>) : entry;
    const filled = walk.seen.get(path);
    if (filled === undefined && isOptional === undefined) problems.push(`${path}: has an entry, and never occurs`);
    if (filled === false && isBlankFor === undefined) problems.push(`${path}: is 0, null, false or empty everywhere`);
  }
  return problems;
}
