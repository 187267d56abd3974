import path from "node:path";
import { expect, test } from "vitest";
import { parseCommand, type Request } from "../../bench/command.ts";

const request = (...argv: readonly string[]): Request => parseCommand(argv) as Request;

test("a suite may take ten minutes, --full has no limit, and --minutes sets one for both", () => {
  expect(request("training")).toMatchObject({ names: ["training"], scale: "default", budgetSeconds: 600 });
  expect(request("--full")).toMatchObject({ scale: "full", budgetSeconds: Number.POSITIVE_INFINITY });
  expect(request("--full", "--minutes", "30").budgetSeconds).toBe(1800);
  expect(request("--minutes", "0.5").budgetSeconds).toBe(30);
});

test("the command that results hold names no folder of the machine", () => {
  const place = path.join(import.meta.dirname, "published-files.ts");
  expect(request("external", place, "--out", "/tmp/x", "--fresh")).toMatchObject({
    names: ["external"],
    place,
    folder: "/tmp/x",
    command: "npm run bench -- external --fresh",
  });
});

test("another build to compare with is a folder that the results do not name", () => {
  for (const words of [["--baseline", "../old"], ["--baseline=../old"]])
    expect(request("start", ...words, "--fresh")).toMatchObject({
      names: ["start"],
      baseline: path.resolve("../old"),
      command: "npm run bench -- start --fresh",
    });
});

test("unknown suites, minutes that are no number and options that exclude each other are refused", () => {
  expect(() => parseCommand(["trainig"])).toThrow('Expected suites of this list, got "trainig".');
  expect(() => parseCommand(["--minutes", "ten"])).toThrow(
    'Expected a number of minutes above 0 at --minutes, got "ten".',
  );
  expect(() => parseCommand(["--full", "--quick"])).toThrow("Expected one of --full and --quick");
});
