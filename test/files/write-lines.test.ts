import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "../../core/index.ts";
import { writeLines } from "../../files/given-files.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-lines-"));
const io = { stdout: () => {}, stderr: () => {}, isTty: false, cwd: folder };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a file of lines", () => {
  it("holds them in order, each with its end", () => {
    writeLines(io, "deep/few.txt", ["one", "", "zwei ä"]);
    expect(readFileSync(path.join(folder, "deep/few.txt"), "utf8")).toBe("one\n\nzwei ä\n");
  });

  it("is on the disk but for the last piece while it is written", () => {
    const file = path.join(folder, "many.txt");
    const line = "x".repeat(99);
    const unfinished = (): string => readdirSync(folder).find((name) => /^many\.txt\..+\.partial$/.test(name))!;
    const gaps: number[] = [];
    function* lines(): Generator<string> {
      for (let count = 0; count < 100_000; count += 1) {
        if (count % 1000 === 0) gaps.push(count * 100 - statSync(path.join(folder, unfinished())).size);
        yield line;
      }
    }
    writeLines(io, "many.txt", lines());
    expect(statSync(file).size).toBe(100_000 * 100);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2 ** 20);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
  });

  it("that cannot be written is the user's error; an error of whoever makes the lines stays what it is", () => {
    expect(() => writeLines(io, ".", ["x"])).toThrow(InputError);
    const broken = function* (): Generator<string> {
      yield "x";
      throw new RangeError("of the lines");
    };
    expect(() => writeLines(io, "broken.txt", broken())).toThrow(RangeError);
  });
});
