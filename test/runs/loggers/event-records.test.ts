import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { restartRecord, scalarRecord, textRecord, versionRecord } from "../../../runs/loggers/event-records.ts";
import { SHARED } from "../../shared-folder.ts";
import { readEvents } from "./read-events.ts";

const FOLDER = path.join(SHARED, "oracle/export/loggers");

/** A file that torch's SummaryWriter has written, and what TensorBoard read of it. */
interface Stored {
  readonly file: string;
  readonly records: readonly {
    readonly at: number;
    readonly wall_time: number;
    readonly step: number;
    readonly source_metadata?: { readonly writer: string };
    readonly values?: readonly [{ readonly tag: string; readonly simple_value: number | "NaN" }];
  }[];
}

describe.skipIf(!existsSync(FOLDER))("records of event files", () => {
  it("are torch's bytes for the same values, NaN included", () => {
    const { file, records } = JSON.parse(readFileSync(path.join(FOLDER, "events.json"), "utf8")) as Stored;
    const bytes = Buffer.concat(
      records.map(({ wall_time, step, source_metadata, values }) => {
        if (values === undefined) return versionRecord(wall_time, source_metadata!.writer);
        const [{ tag, simple_value }] = values;
        return scalarRecord(wall_time, step, tag, Number(simple_value));
      }),
    );
    expect(records.length).toBe(12);
    expect(bytes.toString("hex")).toBe(readFileSync(path.join(FOLDER, file)).toString("hex"));
  });
});

describe("what is written for TensorBoard", () => {
  it("can be read back: numbers, texts, and from which step on a run goes on", () => {
    const bytes = Buffer.concat([
      versionRecord(1.5, "somebody"),
      restartRecord(2, 300),
      textRecord(2, 0, "args/text_summary", "größer"),
      scalarRecord(3, 2 ** 40, "train/loss", Number.POSITIVE_INFINITY),
    ]);
    expect(readEvents(bytes)).toEqual([
      { seconds: 1.5, step: 0, version: "brain.Event:2" },
      { seconds: 2, step: 300, isRestart: true },
      { seconds: 2, step: 0, tag: "args/text_summary", text: "größer" },
      { seconds: 3, step: 2 ** 40, tag: "train/loss", value: Number.POSITIVE_INFINITY },
    ]);
  });
});
