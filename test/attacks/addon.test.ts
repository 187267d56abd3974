import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { useProgram } from "./attack-program.ts";

// LORATWIN_ATTACK_SEED: other cases; LORATWIN_ATTACK_CASES: so many of each group, for a nightly run.
const seed = process.env["LORATWIN_ATTACK_SEED"] ?? "addon";
const cases = Number(process.env["LORATWIN_ATTACK_CASES"] ?? 250);
const SLOW_MS = 5000;

interface Line {
  readonly begins?: string;
  readonly ends?: string;
  readonly ms?: number;
  readonly taken?: boolean;
  readonly right?: boolean;
  readonly message?: string;
  readonly done?: number;
}

const program = useProgram("addon-attacks.ts");

function attack(
  group: string,
  count: number,
): Promise<{ readonly status: number | string; readonly lines: readonly Line[] }> {
  const addon = resolve(process.env["LORATWIN_ADDON"] ?? "native/build/loratwin.node");
  const child = spawn(process.execPath, [program(), addon, group, seed, String(count)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  return new Promise((done) => {
    child.on("close", (code, signal) => {
      const lines = out.split("\n").filter((line) => line !== "");
      done({ status: signal ?? code ?? errors, lines: lines.map((line) => JSON.parse(line) as Line) });
      if (errors !== "") process.stderr.write(errors);
    });
  });
}

describe.each([
  ["arguments of every entry", "entries"],
  ["fields of every row of numbers", "rows"],
  ["fields of every operator of a program", "programs"],
  ["schemes", "schemes"],
])("hostile %s", (_, group) => {
  let lines: readonly Line[];
  let status: number | string;
  beforeAll(async () => {
    ({ lines, status } = await attack(group, cases));
  });

  test("end no process", () => {
    const begun = lines.filter(({ begins }) => begins !== undefined);
    const ended = lines.filter(({ ends }) => ends !== undefined);
    const last = begun.length > ended.length ? begun.at(-1)!.begins : "none";
    expect({ status, last }).toEqual({ status: 0, last: "none" });
    expect(ended.length).toBe(lines.at(-1)!.done);
    expect(ended.length).toBeGreaterThanOrEqual(20);
  });

  test("are refused unless they are right, each in one message that says what was expected, where, and what came", () => {
    expect(lines.filter(({ right }) => right === false)).toEqual([]);
    const messages = lines.filter(({ taken }) => taken === false).map(({ message }) => message!);
    const expected = /^Expected [^\n]+ at [^\n]+, got [^\n]*$/;
    expect(messages.filter((message) => !expected.test(message))).toEqual([]);
  });

  test("take no longer than a program would wait for", () => {
    expect(lines.filter(({ ms = 0 }) => ms > SLOW_MS)).toEqual([]);
  });
});
