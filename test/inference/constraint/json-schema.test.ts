import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { automatonOf } from "../../../inference/constraint/automaton.ts";
import { SchemaReader } from "../../../inference/constraint/json-schema.ts";

type Reads = (text: string) => boolean;

/** Whether a text is a value of a schema, as answers may write it. */
function readerOf(schema: unknown): Reads {
  const automaton = automatonOf((network) => new SchemaReader(network, schema, "schema").read());
  return (text) => {
    let at: ReturnType<typeof automaton.step> = automaton.start();
    for (const byte of Buffer.from(text)) {
      if (at === null) return false;
      at = automaton.step(at, byte);
    }
    return at?.mayEnd === true;
  };
}

/** Texts that a schema has, and some that it has not. */
function check(schema: unknown, right: readonly string[], wrong: readonly string[]): void {
  const reads = readerOf(schema);
  expect([right.filter((text) => !reads(text)), wrong.filter(reads)]).toEqual([[], []]);
}

describe("an answer in JSON", () => {
  it("is any value, however it is spaced and escaped", () => {
    const reads = readerOf(true);
    const json = fc.jsonValue({ maxDepth: 4, stringUnit: "binary" });
    const short = (value: unknown): boolean => !/\d{16}|\d{4}e|e[+-]\d{3}|\.\d{21}/.test(JSON.stringify(value));
    fc.assert(
      fc.property(json.filter(short), fc.constantFrom(undefined, 1, 2), (value, indent) => {
        expect([value, reads(JSON.stringify(value, null, indent))]).toEqual([value, true]);
      }),
      { numRuns: 60 },
    );
  });

  it("is nothing that JSON.parse refuses", () => {
    const reads = readerOf(true);
    const pieces = fc.constantFrom(
      ...["{", "}", "[", "]", '"a"', ",", ":", "1", "-", "0", ".5", "e3", "true", " ", "\\u", "d83d"],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (some) => {
        const text = some.join("");
        if (reads(text)) expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 600 },
    );
  });

  it("has whole characters, and pairs of surrogates", () => {
    check(
      { type: "string" },
      ['"é€😀"', '"\\u00e9\\ud83d\\ude00\\/"', ' "\\n"', '"\u007f"'],
      ['"\\ud83d"', '"\\ude00"', '"\\ud83d\\u0041"', '"\n"', '"\\x"', '"', '"a"b'],
    );
    const automaton = automatonOf((network) => new SchemaReader(network, { type: "string" }, "schema").read());
    const bytes = (all: readonly number[]) =>
      all.reduce<ReturnType<typeof automaton.step>>((at, byte) => at && automaton.step(at, byte), automaton.start());
    for (const wrong of [[0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x22]])
      expect(bytes([0x22, ...wrong])).toBeNull();
  });
});

describe("an answer of a schema", () => {
  it("has its members in their order, and those that are required", () => {
    check(
      {
        type: "object",
        properties: { name: { type: "string" }, age: { type: "integer" }, 'a"b': { type: "null" } },
        required: ["age"],
      },
      ['{"name":"x","age":1}', '{ "age" : 1 }', '{"age":1,"a\\"b":null}', '{\n  "name": "x",\n  "age": 1\n}'],
      ["{}", '{"name":"x"}', '{"age":1,"name":"x"}', '{"age":1,}', '{,"age":1}', '{"age":1,"other":2}', '{"age":1'],
    );
    check(
      { type: "object", properties: { a: true, b: true } },
      ["{}", '{"b":[1]}', '{"a":{}, "b":""}'],
      ['{"b":1,"a":1}'],
    );
    check({ type: "object", additionalProperties: { type: "boolean" } }, ["{}", '{"x":true,"y":false}'], ['{"x":1}']);
    check({ type: "object", additionalProperties: false }, ["{}", "{ }"], ['{"x":1}']);
    check({ type: "object" }, ['{"x":{"y":[1,{}]}}'], ["[]", "1"]);
  });

  it("has as many items, and characters, as it says", () => {
    const items = { type: "array", items: { type: "boolean" } };
    check({ ...items, minItems: 1, maxItems: 2 }, ["[true]", "[ true , false ]"], ["[]", "[true,true,true]", "[1]"]);
    check({ ...items, maxItems: 0 }, ["[]"], ["[true]"]);
    check({ ...items, minItems: 2 }, ["[true,true]", "[true,true,true,true]"], ["[true]", "[]"]);
    check({ type: "string", minLength: 1, maxLength: 2 }, ['"a"', '"é😀"', '"\\"\\n"'], ['""', '"abc"']);
  });

  it("has numbers of a range", () => {
    const numbers = (schema: object, isRight: (n: number) => boolean): void => {
      const reads = readerOf(schema);
      for (let n = -1200; n <= 1200; n += 1) expect([n, reads(String(n))]).toEqual([n, isRight(n)]);
    };
    numbers({ type: "integer", minimum: -15, maximum: 1034 }, (n) => n >= -15 && n <= 1034);
    numbers({ type: "integer", exclusiveMinimum: 7 }, (n) => n > 7);
    numbers({ type: "integer", maximum: -101 }, (n) => n <= -101);
    numbers({ type: "integer" }, () => true);
    check({ type: "integer" }, ["0", "999999999999999"], ["00", "01", "1.0", "1e3", "-", "+1", ""]);
    check({ type: "number", minimum: 0, maximum: 5 }, ["0", "4.99", "5", "5.00"], ["5.01", "-0.1", "6", "1e3", "1."]);
    check({ type: "number", minimum: -2 }, ["-1.99", "-2.0", "7.25", "0.5"], ["-2.01", "-3"]);
    check({ type: "number" }, ["-0.5e-10", "1E+3", "12.5"], [".5", "1.", "01", "1e", "NaN"]);
  });

  it("is one of several values, and schemas", () => {
    check({ enum: ["a", 1, null, { x: [1] }] }, ['"a"', "1", "null", '{"x":[1]}'], ['"b"', "2", '"a', "{}"]);
    check({ type: "string", enum: ["a", "ab", 1] }, ['"a"', '"ab"'], ["1", '"b"']);
    check({ const: 'x"y' }, ['"x\\"y"'], ['"x']);
    check({ type: ["string", "null"], description: "x" }, ['"a"', "null"], ["1"]);
    check({ anyOf: [{ type: "integer" }, { type: "array", items: { $ref: "#" } }] }, ["1", "[1,[2,[]]]"], ['"a"']);
    check({ allOf: [{ type: "boolean" }], title: "x" }, ["true"], ["1"]);
  });

  it("follows references, also to itself", () => {
    const schema = {
      $defs: { node: { type: "object", properties: { v: { type: "integer" }, next: { $ref: "#/$defs/node" } } } },
      $ref: "#/$defs/node",
    };
    check(schema, ["{}", '{"v":1,"next":{"v":2,"next":{}}}'], ['{"next":1}']);
    const escaped = { definitions: { "a/b~c d": { const: 1 } }, $ref: "#/definitions/a~1b~0c%20d" };
    check(escaped, ["1"], ["2"]);
  });

  it("has strings of a pattern, wherever it is found, and of a format", () => {
    const pattern = (source: string, right: readonly string[], wrong: readonly string[]): void => {
      const expression = new RegExp(source, "u");
      expect([right.every((text) => expression.test(text)), wrong.some((text) => expression.test(text))]).toEqual([
        true,
        false,
      ]);
      const written = (all: readonly string[]): readonly string[] => all.map((text) => JSON.stringify(text));
      check({ type: "string", pattern: source }, written(right), written(wrong));
    };
    pattern("^[a-z]{3}-\\d+$", ["abc-1", "xyz-099"], ["ab-1", "abc-", "abc-1x", "xabc-1"]);
    pattern("b+", ["abc", "b", "xbby"], ["", "ac"]);
    pattern("^(foo|ba[rz])?$|^x", ["", "foo", "baz", "xyz"], ["fo", "bat", "foox"]);
    pattern('^[^"\\\\é]\\s.$', ["a é", "\n\t\u0001", "😀 😀"], ['"  ', "é  ", "a \n", "a  b"]);
    pattern("^\\w{2,3}?(?:\\.[^.]*){0,2}$", ["ab", "a_1.x", "abc.."], ["a", "ab...", "abcd"]);
    pattern("^[\\u{1F600}-\\u{1F64F}\\u0041]$", ["😀", "A"], ["B", "😀😀"]);
    check(
      { format: "date-time" },
      ['"2024-02-29T23:59:59.5Z"', '"2024-01-01T00:00:00+01:00"'],
      ['"2024-13-01T00:00:00Z"', '"x"'],
    );
    check({ format: "uuid" }, ['"123e4567-e89b-12d3-a456-426614174000"'], ['"123e4567"']);
    check({ format: "email" }, ['"a.b@c.example"'], ['"a@"', '"@b.c"', '"a..b@c.d"']);
    check({ format: "ipv4" }, ['"1.20.255.0"'], ['"1.2.3"', '"256.1.1.1"']);
    check({ format: "duration" }, ['"P1Y2M"', '"PT5M"', '"P3W"', '"P1DT2H"'], ['"P"', '"PT"', '"1D"']);
  });

  it.each([
    [{ type: "wrong" }, "schema.type"],
    [{ type: [] }, "schema.type"],
    [false, "schema"],
    ["text", "schema"],
    [{ not: {} }, "schema.not"],
    [{ oneOf: [true] }, "schema.oneOf"],
    [{ allOf: [true, true] }, "schema.allOf"],
    [{ anyOf: [] }, "schema.anyOf"],
    [{ anyOf: [true], type: "string" }, "schema.type"],
    [{ type: "integer", multipleOf: 3 }, "schema.multipleOf"],
    [{ type: "number", exclusiveMinimum: 3 }, "schema.exclusiveMinimum"],
    [{ type: "number", minimum: 0.5 }, "schema.minimum"],
    [{ type: "integer", minimum: 3, maximum: 2 }, "schema"],
    [{ type: "array", uniqueItems: true }, "schema.uniqueItems"],
    [{ type: "array", items: { type: "object", patternProperties: {} } }, "schema.items.patternProperties"],
    [{ type: "array", minItems: -1 }, "schema.minItems"],
    [{ type: "array", minItems: 2, maxItems: 1 }, "schema.maxItems"],
    [{ properties: { a: { if: true } } }, "schema.properties.a.if"],
    [{ properties: { a: true }, required: ["b"] }, "schema.required"],
    [{ properties: [] }, "schema.properties"],
    [{ type: "string", minLength: 1, pattern: "a" }, "schema"],
    [{ type: "string", format: "wrong" }, "schema.format"],
    [{ type: "string", pattern: "(" }, "schema.pattern"],
    [{ type: "string", pattern: "(?=a)" }, "schema.pattern"],
    [{ type: "string", pattern: "(a)\\1" }, "schema.pattern"],
    [{ type: "string", pattern: "a\\b" }, "schema.pattern"],
    [{ type: "string", pattern: "x".repeat(3000) }, "schema.pattern"],
    [{ enum: [] }, "schema.enum"],
    [{ enum: [1], type: "string" }, "schema.enum"],
    [{ $ref: "http://other/schema" }, "schema.$ref"],
    [{ $ref: "#/$defs/none" }, "schema.$ref"],
    [{ $ref: "#/__proto__" }, "schema.$ref"],
  ])("is refused by name for %j", (schema, at) => {
    let facts: unknown;
    try {
      readerOf(schema);
    } catch (error) {
      facts = (error as { facts: unknown }).facts;
    }
    expect(facts).toMatchObject({ at });
  });
});

describe("a hostile schema", () => {
  const chain = (depth: number, of: (inside: unknown) => unknown): unknown =>
    Array.from({ length: depth }).reduce((inside) => of(inside), { type: "string" } as unknown);
  const long = "x".repeat(60);

  it.each<readonly [string, unknown]>([
    ["is deep", chain(5000, (items) => ({ type: "array", items }))],
    ["has many items", { type: "array", minItems: 1e9 }],
    ["has long strings", { type: "string", maxLength: 1e15 }],
    ["is itself", { $ref: "#" }],
    [
      "has names that name each other",
      { $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" },
    ],
    ["repeats repetitions", { type: "string", pattern: "^(((a{0,1000}){0,1000}){0,1000}){0,1000}$" }],
    ["has ways without end", { type: "string", pattern: "^(a|a)*(a|aa)*(a*)*(a?){500}$" }],
    ["has many choices that are alike", { anyOf: Array.from({ length: 5000 }, () => ({ type: "string" })) }],
    ["has choices of choices", chain(12, (one) => ({ anyOf: [one, { type: "array", items: one }] }))],
    ["has many values", { enum: Array.from({ length: 50_000 }, (_, index) => `value ${index}`) }],
    ["has many members", { properties: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`k${i}`, true])) }],
    [
      "refers far",
      {
        $defs: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [i, { $ref: `#/$defs/${i + 1}` }])),
        $ref: "#/$defs/0",
      },
    ],
  ])("%s and ends soon", (_, schema) => {
    const start = Date.now();
    try {
      const reads = readerOf(schema);
      for (const text of [`"${"a".repeat(200)}"`, `["${long}"]`, "[[[[[[[[[[[[[", '{"k7":1}']) reads(text);
    } catch (error) {
      expect((error as Error).name).toBe("InputError");
    }
    expect(Date.now() - start).toBeLessThan(5000);
  });
});
