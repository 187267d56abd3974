import { describe, expect, it } from "vitest";
import { InputError } from "../../core/index.ts";
import { parseTraceDocument, type Trace, traceDocument, traceDocumentSchema, traceLines } from "../../traces/index.ts";
import { twoStages } from "./hand-made.ts";

const file = "trace.json";

function written(original: Trace): unknown {
  return JSON.parse([...traceLines(original)].join("\n"));
}

describe("reading a trace file", () => {
  // biome-ignore lint/suspicious/noExplicitAny: the edits break the document on purpose.
  type Edit = (document: any) => void;
  const cases: readonly (readonly [what: string, edit: Edit, path: string])[] = [
    [
      "another kind of document",
      (d) => {
        d.otherData.kind = "plan";
      },
      "otherData.kind",
    ],
    [
      "another version",
      (d) => {
        d.otherData.version = 2;
      },
      "otherData.version",
    ],
    [
      "an unknown source",
      (d) => {
        d.otherData.source = "dreamed";
      },
      "otherData.source",
    ],
    ["a missing plan hash", (d) => delete d.otherData.planHash, "otherData.planHash"],
    [
      "an unknown key in otherData",
      (d) => {
        d.otherData.plan = 1;
      },
      "otherData.plan",
    ],
    [
      "an unknown key at the top",
      (d) => {
        d.events = [];
      },
      "events",
    ],
    ["missing events", (d) => delete d.traceEvents, "traceEvents"],
    [
      "a tid of no stream",
      (d) => {
        d.traceEvents[16].tid = 4;
      },
      "traceEvents[16].tid",
    ],
    [
      "a negative duration",
      (d) => {
        d.traceEvents[16].dur = -1;
      },
      "traceEvents[16].dur",
    ],
    [
      "a time that is a text",
      (d) => {
        d.traceEvents[16].ts = "1";
      },
      "traceEvents[16].ts",
    ],
    [
      "an event of an unknown kind",
      (d) => {
        d.traceEvents[16].ph = "Q";
      },
      "traceEvents[16].ph",
    ],
    ["an argument that is missing", (d) => delete d.traceEvents[16].args.step, "traceEvents[16].args.step"],
    [
      "an unknown argument",
      (d) => {
        d.traceEvents[16].args.colour = "red";
      },
      "traceEvents[16].args.colour",
    ],
    [
      "a name that is no action key",
      (d) => {
        d.traceEvents[16].name = "F0";
      },
      "traceEvents[16].name",
    ],
    [
      "a name that differs from the action",
      (d) => {
        d.traceEvents[16].name = "0F9";
      },
      "traceEvents[16].name",
    ],
    [
      "a micro-batch that differs from the action",
      (d) => {
        d.traceEvents[16].args.microBatch = 9;
      },
      "traceEvents[16].args.microBatch",
    ],
    [
      "a category that differs from the stream",
      (d) => {
        d.traceEvents[16].cat = "transfer";
      },
      "traceEvents[16].cat",
    ],
    [
      "a pid without a name",
      (d) => {
        d.traceEvents[16].pid = 7;
      },
      "traceEvents[16].pid",
    ],
    [
      "slices that overlap",
      (d) => {
        d.traceEvents[17].ts = 0.5;
      },
      "traceEvents[17].ts",
    ],
    [
      "a trace that is too long",
      (d) => {
        d.traceEvents[17].ts = 1e13;
      },
      "traceEvents[17].ts",
    ],
    [
      "a counter that is no number",
      (d) => {
        d.traceEvents.at(-1).args.bytes = "many";
      },
      `traceEvents[48].args`,
    ],
    [
      "a memory counter with a loss",
      (d) => {
        d.traceEvents.at(-1).args = { loss: 1 };
      },
      `traceEvents[48].args`,
    ],
    ["two names of one process", (d) => d.traceEvents.push(d.traceEvents[0]), "traceEvents[49].pid"],
    ["a process without a name", (d) => d.traceEvents.shift(), "traceEvents"],
  ];

  it.each(cases)("names the path of %s", (_, edit, path) => {
    const document = JSON.parse(JSON.stringify(traceDocument(twoStages())));
    edit(document);
    let error: unknown;
    try {
      parseTraceDocument(document, { file });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).facts).toMatchObject({ at: path, file });
  });

  it("refuses what is no object", () => {
    expect(() => parseTraceDocument([], { file })).toThrow(InputError);
    expect(() => parseTraceDocument(null, { file })).toThrow(InputError);
  });

  it("has a schema that accepts what is written", () => {
    expect(traceDocumentSchema.safeParse(written(twoStages())).success).toBe(true);
  });
});
