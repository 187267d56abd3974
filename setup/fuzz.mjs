// `npm run fuzz -- [--seconds N] [--seed N]`: changes the addon's calls of a small training, keeps the changes that reach new
// code, and ends at the first thing that the address or the undefined sanitizer finds. The input is kept in fuzz-input.
// With `--files`: reads Parquet, Arrow, packed JSON lines and safetensors with other bytes, and tells all findings at once.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { buildChecked, inTemporaryFolder, recordTraining, run, smallPlan } from "./checked-native.mjs";
import { inRoot, root } from "./root.mjs";

function option(name, otherwise) {
  const place = process.argv.indexOf(name);
  return place < 0 ? otherwise : process.argv[place + 1];
}

const seconds = option("--seconds", "600");
const seed = option("--seed", "1");
function fuzzFiles() {
  const vitest = [inRoot("node_modules/vitest/vitest.mjs"), "run", "test/attacks/files.test.ts"];
  const env = { ...process.env, LORATWIN_FUZZ_SECONDS: seconds, LORATWIN_ATTACK_SEED: seed };
  process.exitCode = spawnSync(process.execPath, vitest, { cwd: root, stdio: "inherit", env }).status ?? 1;
}

function fuzzCalls(folder) {
  const built = buildChecked("address", ["fuzz_calls"]);
  const names = ["float32", "nf4", "float32-experts"];
  for (const name of names) {
    const place = join(folder, name);
    const recording = recordTraining(place, smallPlan(place, name), name);
    const share = String(Number(seconds) / names.length);
    const kept = inRoot(`native/build-address/fuzz-input-${name}`);
    console.log(run(`fuzzing of ${name}`, built("fuzz_calls"), [recording, share, seed, kept]).trim());
  }
}

if (process.argv.includes("--files")) fuzzFiles();
else inTemporaryFolder("fuzz", fuzzCalls);
