// A program: `node addon-attacks.mjs ADDON GROUP SEED CASES`. Attacks the addon, and writes a line before each case and
// one after it, so that whoever reads them knows in which case the process ended.
import { createRng } from "../../core/index.ts";
import type { RawAddon } from "../../native/raw-addon.ts";
import { ENTRIES } from "./addon-entries.ts";
import { attackedPrograms, runOf, withValue } from "./addon-programs.ts";
import { SCHEMES, type Scheme } from "./addon-schemes.ts";
import { bindings, loadAddon, makeVictim, type Victim } from "./addon-victim.ts";
import { HOSTILE, HOSTILE_NUMBERS } from "./hostile-values.ts";

type Table = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
const call = (victim: Victim, name: string, args: readonly unknown[]): unknown =>
  (victim.addon as unknown as Table)[name]!(...args);

function entryAttacks(): readonly Scheme[] {
  return ENTRIES.flatMap(({ name, args, takes, skips = () => false }) =>
    takes.flatMap((judge, index) => [
      ...HOSTILE.filter(({ make }) => !skips(make())).map((value) => {
        const made = value.make();
        return {
          name: `${name}: argument ${index} is ${value.name}`,
          takes: judge(made),
          run: (victim: Victim) => call(victim, name, args(victim).with(index, made)),
        };
      }),
      {
        name: `${name}: argument ${index} is a handle of the other kind`,
        run: (victim: Victim) => {
          const right = args(victim)[index];
          return call(victim, name, args(victim).with(index, right === victim.device ? victim.runtime : victim.device));
        },
      },
      {
        name: `${name}: nothing from argument ${index} on`,
        run: (v: Victim) => call(v, name, args(v).slice(0, index)),
      },
    ]),
  );
}

/** Numbers of rows: whether a value is right depends on the field, and the process has to live. */
function rowAttacks(): readonly Scheme[] {
  const changed = (row: readonly number[], field: number, value: number): Float64Array =>
    Float64Array.from(row).fill(value, field, field + 1);
  const put = (victim: Victim, given: Readonly<Record<string, unknown>>): unknown =>
    victim.addon.enqueueRun(victim.device, 1, [], -1, victim.program, bindings(given));
  const rows: Readonly<Record<string, readonly [readonly number[], (v: Victim, row: Float64Array) => unknown]>> = {
    run: [[2, 2, 0, 0, 0, 4096], (v, run) => put(v, { run })],
    losses: [[0, 2, 1], (v, losses) => put(v, { losses })],
    preferences: [
      [0, 0, 1, 1, 2, 3, 1, 0, 0.1, 0, 1, 0, 1, 0, 0, 0],
      (v, preferences) => put(v, { preferences, losses: Float64Array.of(0, 1, 1, 1, 1, 0, 1, 2, 1, 2, 2, 0) }),
    ],
    segment: [[0, 0, 2, 1, 0.5, 1, 2], (v, segments) => put(v, { segments, rowKeys: Int32Array.of(0, 1) })],
    sumSquares: [[0, 0], (v, sumSquares) => put(v, { sumSquares })],
    entry: [[1, 2, 4, 6, 1, 1, 0, 0], (v, entries) => v.addon.createAdapter(v.device, entries, false)],
    item: [
      [0, 1, 1e-3, 1e-3, 0.9, 0.99, 1e-8, 0, 1, 0],
      (v, items) => v.addon.enqueueUpdate(v.device, 1, [], -1, items, [[0]]),
    ],
  };
  return Object.entries(rows).flatMap(([kind, [row, run]]) =>
    row.flatMap((_, field) =>
      HOSTILE_NUMBERS.map((value) => ({
        name: `${kind}: field ${field} is ${value}`,
        takes: "either" as const,
        run: (victim: Victim) => run(victim, changed(row, field, value)),
      })),
    ),
  );
}

function programAttacks(victim: Victim): readonly Scheme[] {
  return attackedPrograms(victim).flatMap(({ operator, bindings: given }, index) =>
    [...HOSTILE_NUMBERS, undefined, "work", [{}]].flatMap((value) =>
      withValue(operator, value).map(({ field, operator: changed }) => ({
        name: `${String(operator["op"])}: ${field} is ${String(value)}`,
        takes: "either" as const,
        run: (v: Victim) => {
          const before = attackedPrograms(v)[index]!;
          v.addon.enqueueRun(v.device, 1, [], -1, v.addon.createProgram(v.device, [before.operator]), runOf(given));
          v.addon.enqueueRun(v.device, 2, [], -1, v.addon.createProgram(v.device, [changed]), runOf(given));
        },
      })),
    ),
  );
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

async function attack(addon: RawAddon, { name, takes = false, run }: Scheme): Promise<void> {
  const write = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
  write({ begins: name });
  const start = performance.now();
  const victim = makeVictim(addon);
  let outcome: { readonly taken: boolean; readonly message?: string };
  try {
    await run(victim);
    await settled();
    outcome = { taken: true };
  } catch (error) {
    outcome = { taken: false, message: String((error as Error).message) };
  }
  try {
    addon.disposeRuntime(victim.runtime);
  } catch {
    // It was disposed already.
  }
  const ms = performance.now() - start;
  write({ ends: name, ms, ...outcome, right: takes === "either" || takes === outcome.taken });
}

const [, , path, group, seed, count] = process.argv;
const addon = loadAddon(path!);
const groups: Readonly<Record<string, () => readonly Scheme[]>> = {
  entries: entryAttacks,
  rows: rowAttacks,
  programs: () => programAttacks(makeVictim(addon)),
  schemes: () => SCHEMES,
};
const all = [...groups[group!]!()];
const rng = createRng(seed!);
const some = all
  .map((one) => ({ one, place: rng.nextFloat() }))
  .sort((a, b) => a.place - b.place)
  .slice(0, Number(count))
  .map(({ one }) => one);
for (const one of some) await attack(addon, one);
process.stdout.write(`${JSON.stringify({ done: some.length, of: all.length })}\n`);
process.exit(0);
