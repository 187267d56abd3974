import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { maskedCrc32c } from "../../../runs/loggers/crc32c.ts";

/** A record of an event file, as far as loratwin writes any. */
export interface ReadEvent {
  readonly seconds: number;
  readonly step: number;
  readonly version?: string;
  readonly isRestart?: true;
  readonly tag?: string;
  readonly value?: number;
  readonly text?: string;
}

type Field = readonly [number: number, value: number | Buffer];

/** The fields of a protobuf message. */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = message[at]!;
      at += 1;
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const [number, form] = [key >>> 3, key & 7];
    if (form === 0) yield [number, varint()];
    else {
      const length = form === 1 ? 8 : form === 5 ? 4 : varint();
      yield [number, message.subarray(at, at + length)];
      at += length;
    }
  }
}

const inside = (message: Buffer, ...numbers: readonly number[]): number | Buffer | undefined => {
  const [first, ...rest] = numbers;
  const found = [...fieldsOf(message)].find(([number]) => number === first)?.[1];
  return rest.length === 0 || found === undefined ? found : inside(found as Buffer, ...rest);
};

function readEvent(data: Buffer): ReadEvent {
  const [version, status] = [inside(data, 3), inside(data, 7, 1)];
  const [tag, simple, text] = [inside(data, 5, 1, 1), inside(data, 5, 1, 2), inside(data, 5, 1, 8, 8)];
  return {
    seconds: (inside(data, 1) as Buffer).readDoubleLE(),
    step: (inside(data, 2) ?? 0) as number,
    ...(version === undefined ? {} : { version: String(version) }),
    ...(status === 1 ? { isRestart: true } : {}),
    ...(tag === undefined ? {} : { tag: String(tag) }),
    ...(simple === undefined ? {} : { value: (simple as Buffer).readFloatLE() }),
    ...(text === undefined ? {} : { text: String(text) }),
  };
}

/** The records of an event file. @throws where a checksum is another one */
export function readEvents(bytes: Buffer): readonly ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    const sums = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12 + length)];
    if (sums[0] !== maskedCrc32c(bytes.subarray(at, at + 8)) || sums[1] !== maskedCrc32c(data))
      throw new Error(`another checksum at ${at}`);
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

/** The event files of a folder, in TensorBoard's order. */
export function eventFiles(folder: string): readonly (readonly ReadEvent[])[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readEvents(readFileSync(path.join(folder, name))));
}

export type Scalar = readonly [tag: string, step: number, value: number];

/** What TensorBoard shows of a job's folder: a restart takes away what has its step or a later one. */
export function shownScalars(folder: string): readonly Scalar[] {
  let shown: Scalar[] = [];
  for (const { step, isRestart, tag, value } of eventFiles(folder).flat()) {
    if (isRestart === true) shown = shown.filter(([, before]) => before < step);
    if (tag !== undefined && value !== undefined) shown.push([tag, step, value]);
  }
  return shown;
}
