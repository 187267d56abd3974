// Files of other programs with other bytes: `npm run fuzz -- --files --seconds 3600` for an hour.
import { mkdtempSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { createRng, type Rng } from "../../core/index.ts";
import { writeSafetensors } from "../../datasets/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { type Attack, faultOf, runAttacks } from "./run-attacks.ts";
import { SEED, TIMEOUT_MS, writeTargets } from "./withstand.ts";

const SECONDS = Number(process.env["LORATWIN_FUZZ_SECONDS"] ?? 5);
const BATCH = 20;

const root = temporaryFolder();
const fixture = (name: string): Buffer => readFileSync(path.join(import.meta.dirname, "../datasets/fixtures", name));

/** Of files of records their bytes by name; each is read whole. */
const RECORDS = [
  ...["zstd.parquet", "lz4.parquet", "zstd.feather", "lz4.feather", "short.arrow"].map((name) => `forms/${name}`),
  ...["forms/two-frames.jsonl.zst", "questions.parquet", "tokens.parquet"],
].map((name) => ({ name: path.basename(name), bytes: fixture(name) }));

const CONFIG = JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"] });
let adapter: Buffer;

beforeAll(async () => {
  await writeTargets(root);
  const file = path.join(root, "adapter.safetensors");
  const module = "base_model.model.model.layers.0.self_attn.q_proj";
  writeSafetensors(file, [
    { name: `${module}.lora_A.weight`, shape: [2, 16], values: new Float32Array(32).fill(1) },
    { name: `${module}.lora_B.weight`, shape: [16, 2], values: new Float32Array(32).fill(1) },
  ]);
  adapter = readFileSync(file);
}, 120_000);

/** Numbers that sizes and offsets are wrong by. */
const NUMBERS = [0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, -0x80000000, 0x10000000, 0x40000000];

/** One to four changes: bytes, numbers of four bytes, parts that are gone or twice, most of them near an end. */
function changed(bytes: Buffer, rng: Rng): Buffer {
  let made = Buffer.from(bytes);
  for (let change = 0; change <= rng.nextInt(4); change += 1) {
    const near = Math.min(made.length, 1024);
    const any = rng.nextInt(made.length);
    const at = [any, rng.nextInt(near), made.length - 1 - rng.nextInt(near)][rng.nextInt(3)]!;
    const until = Math.min(made.length, at + 1 + rng.nextInt(64));
    const kind = rng.nextInt(8);
    if (kind < 3) made[at] = rng.nextInt(256);
    else if (kind < 5) made[at]! ^= 1 << rng.nextInt(8);
    else if (kind === 5)
      made.writeInt32LE(NUMBERS[rng.nextInt(NUMBERS.length)]!, Math.max(0, Math.min(at, made.length - 4)));
    else if (kind === 6) made = Buffer.concat([made.subarray(0, at), made.subarray(until)]);
    else made = Buffer.concat([made.subarray(0, until), made.subarray(at)]);
    if (made.length < 8) return made;
  }
  return made;
}

function attackOf(rng: Rng, name: string): Attack {
  const which = rng.nextInt(RECORDS.length + 1);
  const record = RECORDS[which];
  if (record === undefined) {
    const files = { "a/adapter_config.json": CONFIG, "a/adapter_model.safetensors": changed(adapter, rng) };
    return { name: `${name} of an adapter`, files, argv: ["check-adapter", "a"], mayPass: true, mayFindNone: true };
  }
  const argv = ["data", record.name, "--tokenizer", "../model", "--limit", "1000"];
  const files = { [record.name]: changed(record.bytes, rng) };
  // With 1 where rows are refused, which the table counts.
  return { name: `${name} of ${record.name}`, files, argv, mayPass: true, mayFindNone: true };
}

it("files with other bytes are read, or refused", { tags: ["slow"], timeout: TIMEOUT_MS + 2e3 * SECONDS }, async () => {
  const end = performance.now() + 1e3 * SECONDS;
  const faults: string[] = [];
  let cases = 0;
  for (let batch = 0; batch === 0 || performance.now() < end; batch += 1) {
    const folder = mkdtempSync(path.join(root, "files-"));
    symlinkSync(path.join(root, "model"), path.join(folder, "model"));
    const rng = createRng(`files ${SEED} ${batch}`);
    const attacks = Array.from({ length: BATCH }, (_, index) => attackOf(rng, `seed ${SEED}, ${batch}.${index}`));
    const outcomes = await runAttacks(attacks, folder);
    for (const [index, attack] of attacks.entries()) {
      const fault = faultOf(attack, outcomes[index]!);
      if (fault !== undefined) faults.push(`${attack.name}: ${fault}`);
    }
    cases += BATCH;
  }
  process.stderr.write(`${cases} files with other bytes, ${faults.length} findings\n`);
  expect(faults).toEqual([]);
});
