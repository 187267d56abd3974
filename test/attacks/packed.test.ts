// Small files that ask for much memory. Each is read by a process of its own, whose peak is looked at.
import { mkdtempSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { temporaryFolder } from "../cli/run-cli.ts";
import { runAttacks } from "./run-attacks.ts";

const root = temporaryFolder();

/** What the program takes for a small file, and once a window of 128 MiB with room for what is behind it. */
const MOST_BYTES = 600 * 2 ** 20;

/** RFC 8878: a frame that asks for a window of so many bytes, 2 to a power, with blocks. */
function frame(windowLog: number, blocks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3), ...blocks]);
}

/** A block of bytes as they are (kind 0), or of one byte so many times (kind 1). */
function block(bytes: string, { times = bytes.length, kind = 0, isLast = false } = {}): Buffer {
  const head = Buffer.alloc(3);
  head.writeUIntLE((times << 3) | (kind << 1) | Number(isLast), 0, 3);
  return Buffer.concat([head, Buffer.from(bytes)]);
}

const ROW = '{"input_ids":[1,2,3]}\n';
const row = (isLast: boolean): Buffer => block(ROW, { isLast });
const many = (byte: string): Buffer => block(byte, { times: 2 ** 17, kind: 1 });

interface Packed {
  readonly name: string;
  readonly file: string;
  readonly content: Buffer;
  readonly says: RegExp;
}

const FILES: readonly Packed[] = [
  {
    name: "2000 small frames that ask for windows of 128 MiB",
    file: "d.jsonl.zst",
    content: Buffer.concat(Array.from({ length: 2000 }, () => frame(27, [row(true)]))),
    says: /^in the file +2 000$/m,
  },
  {
    name: "frames of some megabytes that ask for windows of 128 MiB",
    file: "d.jsonl.zst",
    content: Buffer.concat(Array.from({ length: 40 }, () => frame(27, [...Array(40).fill(many("\n")), row(true)]))),
    says: /Expected at most 33554432 lines/,
  },
  {
    name: "a second frame with a window that is too large",
    file: "d.jsonl.zst",
    content: Buffer.concat([frame(20, [row(true)]), frame(28, [row(true)])]),
    says: /Expected a whole file of Zstandard, got "Zstandard with a window of more than 134217728 bytes"/,
  },
  {
    name: "a text that is 30 000 times as long as packed",
    file: "d.json.zst",
    content: frame(27, Array(12_000).fill(many(" "))),
    says: /got "more than 4096 times as many bytes of text"/,
  },
  {
    name: "a line of gigabytes in gzip",
    file: "d.jsonl.gz",
    content: gzipSync(Buffer.alloc(2 ** 29, " ")),
    says: /Expected lines of at most 268435456 bytes/,
  },
];

it.each(FILES)("$name", { tags: ["slow"], timeout: 600_000 }, async ({ file, content, says }) => {
  const argv = ["data", file, "--format", "tokens"];
  const [outcome] = await runAttacks(
    [{ name: file, files: { [file]: content }, argv }],
    mkdtempSync(path.join(root, "a")),
  );
  expect(`${outcome!.stdout}${outcome!.stderr}`).toMatch(says);
  expect(outcome!.bytes).toBeLessThan(MOST_BYTES);
});
