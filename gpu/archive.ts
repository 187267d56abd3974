import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { writeWholeFile } from "../files/whole-file.ts";

/** Some machines bring back files of at most 16 MiB. */
const LARGEST_BYTES = 15e6;

const BLOCK = 512;

/** The header of a plain file in a tar archive (POSIX.1-2001, pax, "ustar Interchange Format"). */
function header(name: string, bytes: number, changedMs: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number): void =>
    void block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at, "latin1");
  block.write(name, 0, 100);
  octal(0o644, 100, 8);
  octal(0, 108, 8); // user
  octal(0, 116, 8); // group
  octal(bytes, 124, 12);
  octal(Math.floor(changedMs / 1000), 136, 12);
  block.write("0", 156, "latin1"); // a plain file
  block.write("ustar\0", 257, "latin1");
  block.write("00", 263, "latin1");
  block.fill(" ", 148, 156); // the checksum counts itself as spaces
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** `undefined` for a file that has gone: a program that was stopped may just have renamed it. */
function contentOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Header, bytes and padding, compressed: one gzip member a file, and members in a row are one gzip file (RFC 1952). */
function member(name: string, content: Buffer, changedMs: number): Buffer {
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return gzipSync(Buffer.concat([header(name, content.length, changedMs), content, padding]));
}

// Models and adapters are large, and a header has room for 100 bytes of a name.
const belongs = (name: string): boolean => !name.endsWith(".safetensors") && Buffer.byteLength(name) <= 100;

/**
 * Writes the files of some folders below `root` as FILE, a tar archive under gzip of at most 15 MB, and returns those
 * that found no room: the largest. Weights are never in it.
 */
export function writeArchive(file: string, root: string, folders: readonly string[]): readonly string[] {
  const names = folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name))),
  );
  const entries = names.filter(belongs).flatMap((name) => {
    const stats = statSync(path.join(root, name), { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ name, bytes: stats.size, changedMs: stats.mtimeMs }];
  });
  entries.sort((a, b) => a.bytes - b.bytes || (a.name < b.name ? -1 : 1));
  const end = gzipSync(Buffer.alloc(2 * BLOCK));
  const members: Buffer[] = [];
  const leftOut: string[] = [];
  let bytes = end.length;
  for (const { name, changedMs } of entries) {
    const content = contentOf(path.join(root, name));
    if (content === undefined) continue;
    const next = member(name, content, changedMs);
    if (bytes + next.length > LARGEST_BYTES) leftOut.push(name);
    else {
      members.push(next);
      bytes += next.length;
    }
  }
  writeWholeFile(file, Buffer.concat([...members, end]));
  return leftOut;
}
