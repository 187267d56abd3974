import { InputError, isMapping, type Mapping, ownValue } from "../../core/index.ts";
import { anyCharacter } from "./characters.ts";
import { FORMATS } from "./formats.ts";
import type { Network, Part } from "./network.ts";
import { integerPart, type NumberRange, numberPart } from "./numbers.ts";
import { patternPart } from "./pattern.ts";

/** What changes no value. */
const ANNOTATIONS = [
  ...["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"],
  ...["$schema", "$id", "$comment", "$defs", "definitions"],
] as const;

/** Keywords of each type. */
const KEYWORDS = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  boolean: [],
  null: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
type Type = keyof typeof KEYWORDS;
const TYPES = Object.keys(KEYWORDS) as readonly Type[];

/** Levels of a schema, and of what it names. */
const MOST_LEVELS = 100;
/** Spaces in front of a line. */
const MOST_INDENT = 32;

const FOREVER = Number.POSITIVE_INFINITY;

function typeOf(value: unknown): Type {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as Type;
}

/** Writes JSON schemas into a network. */
export class SchemaReader {
  readonly #network: Network;
  readonly #root: unknown;
  readonly #at: string;
  /** Rules of what `$ref` names, and those that are to be filled. */
  readonly #named = new Map<string, number>();
  readonly #open: (() => void)[] = [];
  readonly #space: Part;
  readonly #character: Part;
  #anything: number | undefined;

  /** `at`: where errors say the schema is. */
  constructor(network: Network, root: unknown, at: string) {
    this.#network = network;
    this.#root = root;
    this.#at = at;
    const blank = network.choice([network.text(" "), network.text("\t")]);
    const line = network.sequence([network.text("\n"), network.repeat(blank, 0, MOST_INDENT)]);
    this.#space = network.ruleOf(network.optional(network.choice([network.text(" "), line])));
    this.#character = network.ruleOf(anyCharacter(network));
  }

  /** Values of the schema, without space around them. @throws InputError for what is not supported, by its name */
  read(): Part {
    const rule = this.#network.newRule();
    this.#network.fill(rule, this.#valueOf(this.#root, this.#at, 0));
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) next();
    return this.#network.sequence([this.#space, this.#network.call(rule)]);
  }

  #valueOf(schema: unknown, at: string, level: number): Part {
    if (level > MOST_LEVELS) throw new InputError({ expected: `a schema of at most ${MOST_LEVELS} levels`, at });
    if (schema === true) return this.#anyValue();
    if (!isMapping(schema)) throw new InputError({ expected: "a JSON schema that some value has", at, got: schema });
    const keys = Object.keys(schema).filter((key) => !(ANNOTATIONS as readonly string[]).includes(key));
    const only = (...allowed: readonly string[]): void => {
      const wrong = keys.find((key) => !allowed.includes(key));
      if (wrong !== undefined) refuse(`${at}.${wrong}`, wrong, allowed);
    };
    const { $ref: named, anyOf, allOf } = schema;
    if (named !== undefined) {
      only("$ref");
      return this.#reference(named, `${at}.$ref`);
    }
    for (const [word, all] of Object.entries({ anyOf, allOf })) {
      if (all === undefined) continue;
      only(word);
      if (!Array.isArray(all) || all.length === 0 || (word === "allOf" && all.length > 1))
        throw new InputError({ expected: word === "allOf" ? "one schema" : "schemas", at: `${at}.${word}`, got: all });
      const parts = all.map((each, index) => this.#valueOf(each, `${at}.${word}[${index}]`, level + 1));
      return this.#network.choice(parts);
    }
    const types = typesOf(schema, keys, at);
    if ("enum" in schema || "const" in schema) {
      only("enum", "const", "type");
      return this.#oneOf(schema, types, at);
    }
    if (types === undefined && keys.length === 0) return this.#anyValue();
    const own = types ?? TYPES.filter((type) => KEYWORDS[type].some((key) => keys.includes(key)));
    only(
      "type",
      ...own.flatMap((type) => KEYWORDS[type]),
      ...(own.length === 0 ? TYPES.flatMap((type) => KEYWORDS[type]) : []),
    );
    return this.#network.choice(own.map((type) => this.#typed(type, schema, at, level)));
  }

  /** What a pointer into the schema names: it is read once. */
  #reference(pointer: unknown, at: string): Part {
    if (typeof pointer !== "string" || !/^#(\/|$)/.test(pointer))
      throw new InputError({ expected: "a reference into the schema, such as #/$defs/Name", at, got: pointer });
    let rule = this.#named.get(pointer);
    if (rule === undefined) {
      const names = pointer.split("/").slice(1).map(unescapePointer);
      const found = names.reduce<unknown>((inside, name) => inMember(inside, name), this.#root);
      if (found === undefined) throw new InputError({ expected: "a reference to what is there", at, got: pointer });
      const own = this.#network.newRule();
      rule = own;
      this.#named.set(pointer, own);
      const place = [this.#at, ...names].join(".");
      this.#open.push(() => this.#network.fill(own, this.#valueOf(found, place, 0)));
    }
    return this.#network.call(rule);
  }

  #oneOf(schema: Mapping, types: readonly Type[] | undefined, at: string): Part {
    const values = "const" in schema ? [schema["const"]] : schema["enum"];
    if (!Array.isArray(values)) throw new InputError({ expected: "a list of values", at: `${at}.enum`, got: values });
    const fits = (value: unknown): boolean =>
      types?.some((type) => type === typeOf(value) || (type === "integer" && Number.isInteger(value))) ?? true;
    const texts = values.filter(fits).map((value) => JSON.stringify(value));
    if (texts.length === 0) throw new InputError({ expected: "a value of its type", at: `${at}.enum`, got: values });
    return this.#network.choice(texts.map((text) => this.#network.text(text)));
  }

  #typed(type: Type, schema: Mapping, at: string, level: number): Part {
    const network = this.#network;
    switch (type) {
      case "object":
        return this.#object(schema, at, level);
      case "array":
        return this.#array(schema, at, level);
      case "string":
        return network.sequence([network.text('"'), this.#string(schema, at), network.text('"')]);
      case "number":
        return numberPart(network, rangeOf(schema, at));
      case "integer":
        return integerPart(network, rangeOf(schema, at));
      case "boolean":
        return network.choice([network.text("true"), network.text("false")]);
      case "null":
        return network.text("null");
    }
  }

  #string(schema: Mapping, at: string): Part {
    const { pattern, format } = schema;
    const [least, most] = [countOf(schema, "minLength", at), countOf(schema, "maxLength", at)];
    const isLong = least !== undefined || most !== undefined;
    if (pattern === undefined && format === undefined)
      return this.#network.repeat(this.#character, ...orderedOf(least, most, at, "maxLength"));
    if (isLong || (pattern !== undefined && format !== undefined)) {
      const expected = "a string with one of pattern, format, and lengths";
      throw new InputError({ expected, at, got: Object.keys(schema).join(", ") });
    }
    if (pattern !== undefined) {
      if (typeof pattern === "string") return patternPart(this.#network, pattern, `${at}.pattern`);
      throw new InputError({ expected: "a pattern", at: `${at}.pattern`, got: pattern });
    }
    const known = typeof format === "string" ? ownValue(FORMATS, format) : undefined;
    if (known !== undefined) return patternPart(this.#network, `^(${known})$`, `${at}.format`);
    throw new InputError({ expected: `one of ${Object.keys(FORMATS).join(", ")}`, at: `${at}.format`, got: format });
  }

  #array(schema: Mapping, at: string, level: number): Part {
    const network = this.#network;
    const [least, most] = orderedOf(countOf(schema, "minItems", at), countOf(schema, "maxItems", at), at, "maxItems");
    const { items = true } = schema;
    const item = most === 0 ? network.text("") : network.ruleOf(this.#valueOf(items, `${at}.items`, level + 1));
    const further = network.sequence([this.#space, network.text(","), this.#space, item]);
    const some = (): Part =>
      network.sequence([this.#space, item, network.repeat(further, Math.max(0, least - 1), most - 1)]);
    const inside = most === 0 ? network.text("") : least === 0 ? network.optional(some()) : some();
    return network.sequence([network.text("["), inside, this.#space, network.text("]")]);
  }

  #object(schema: Mapping, at: string, level: number): Part {
    const { properties = {}, required = [], additionalProperties: others = true } = schema;
    if (!isMapping(properties))
      throw new InputError({ expected: "schemas by their names", at: `${at}.properties`, got: properties });
    const names = Object.keys(properties);
    if (!Array.isArray(required))
      throw new InputError({ expected: "a list of names", at: `${at}.required`, got: required });
    const unknown = required.find((name) => !names.includes(name as string));
    if (unknown !== undefined)
      throw new InputError({ expected: "a name of properties", at: `${at}.required`, got: unknown });
    const value = (name: string): Part =>
      this.#network.ruleOf(this.#valueOf(properties[name], `${at}.properties.${name}`, level + 1));
    if (names.length > 0)
      return this.#members(
        names.map((name) => ({
          part: this.#member(this.#network.text(JSON.stringify(name)), value(name)),
          isRequired: required.includes(name),
        })),
      );
    if (others === false) return this.#members([]);
    const any = this.#network.ruleOf(this.#valueOf(others, `${at}.additionalProperties`, level + 1));
    return this.#map(any);
  }

  #member(name: Part, value: Part): Part {
    return this.#network.sequence([name, this.#space, this.#network.text(":"), this.#space, value]);
  }

  /** Members in their order, of which some may be left out. */
  #members(all: readonly { readonly part: Part; readonly isRequired: boolean }[]): Part {
    const network = this.#network;
    const comma = network.sequence([this.#space, network.text(","), this.#space]);
    const close = network.sequence([this.#space, network.text("}")]);
    return (from) => {
      // Where no member has come yet, and where some has.
      let none: number | undefined = network.text("{")(from);
      let some: number | undefined;
      for (const { part, isRequired } of all) {
        const end = network.add();
        if (none !== undefined) network.state(network.sequence([this.#space, part])(none)).empty.push(end);
        if (some !== undefined) network.state(network.sequence([comma, part])(some)).empty.push(end);
        if (isRequired) none = undefined;
        else if (some !== undefined) network.state(some).empty.push(end);
        some = end;
      }
      const end = network.add();
      for (const last of [none, some]) if (last !== undefined) network.state(close(last)).empty.push(end);
      return end;
    };
  }

  /** Any members, whose values are all of one form. */
  #map(value: Part): Part {
    const network = this.#network;
    const name = network.sequence([network.text('"'), network.repeat(this.#character, 0, FOREVER), network.text('"')]);
    const member = network.ruleOf(this.#member(name, value));
    const further = network.sequence([this.#space, network.text(","), this.#space, member]);
    const some = network.sequence([this.#space, member, network.repeat(further, 0, FOREVER)]);
    return network.sequence([network.text("{"), network.optional(some), this.#space, network.text("}")]);
  }

  #anyValue(): Part {
    if (this.#anything === undefined) {
      this.#anything = this.#network.newRule();
      const all = TYPES.filter((type) => type !== "integer").map((type) => this.#typed(type, {}, this.#at, 0));
      this.#network.fill(this.#anything, this.#network.choice(all));
    }
    return this.#network.call(this.#anything);
  }
}

function refuse(at: string, keyword: string, allowed: readonly string[]): never {
  const all = [...new Set([...allowed, "$ref", "anyOf", "enum", "const", "type"])];
  throw new InputError({ expected: `one of the keywords ${all.join(", ")}`, at, got: keyword });
}

function typesOf(schema: Mapping, keys: readonly string[], at: string): readonly Type[] | undefined {
  if (!keys.includes("type")) return undefined;
  const all = [schema["type"]].flat();
  const wrong = all.find((each) => !(TYPES as readonly unknown[]).includes(each));
  if (wrong !== undefined || all.length === 0)
    throw new InputError({ expected: `types among ${TYPES.join(", ")}`, at: `${at}.type`, got: wrong });
  return all as readonly Type[];
}

function countOf(schema: Mapping, key: string, at: string): number | undefined {
  const value = schema[key];
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0))
    return value as number | undefined;
  throw new InputError({ expected: "a whole number of at least 0", at: `${at}.${key}`, got: value });
}

function orderedOf(least = 0, most = FOREVER, at: string, name: string): readonly [number, number] {
  if (least <= most) return [least, most];
  throw new InputError({ expected: `at least ${least}`, at: `${at}.${name}`, got: most });
}

/** @throws InputError for ends that are no whole numbers, or a range without any */
function rangeOf(schema: Mapping, at: string): NumberRange {
  const end = (key: string): number | undefined => {
    const value = schema[key];
    if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined;
    throw new InputError({ expected: "a whole number below 2^53", at: `${at}.${key}`, got: value });
  };
  const ends = (own: number | undefined, apart: number | undefined, by: number, pick: typeof Math.max) =>
    apart === undefined ? own : own === undefined ? apart + by : pick(own, apart + by);
  const least = ends(end("minimum"), end("exclusiveMinimum"), 1, Math.max);
  const most = ends(end("maximum"), end("exclusiveMaximum"), -1, Math.min);
  const largest = 1e15;
  if ((least ?? -largest) <= (most ?? largest) && (least ?? 0) < largest && (most ?? 0) > -largest)
    return { least, most };
  throw new InputError({ expected: "a range below 10^15 with a number in it", at, got: [least ?? null, most ?? null] });
}

function unescapePointer(name: string): string {
  const plain = name.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

function inMember(inside: unknown, name: string): unknown {
  if (Array.isArray(inside)) return /^\d+$/.test(name) ? inside[Number(name)] : undefined;
  return isMapping(inside) ? ownValue(inside, name) : undefined;
}
