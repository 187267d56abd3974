// `npm run test:sanitizers`: trains small models (TRAININGS) with the address and undefined sanitizers inside Node and
// the thread sanitizer outside of it, and attacks the addon. With `-- --all` also the operator table and the runtime's tests.
import { join } from "node:path";
import {
  addressLibrary,
  buildChecked,
  inTemporaryFolder,
  loratwin,
  recordTraining,
  run,
  smallPlan,
  TRAININGS,
} from "./checked-native.mjs";

const isAll = process.argv.includes("--all");
const RUNTIME_TESTS = ["aside", "errors", "llama-step", "records", "runtime", "shared-weights", "update"];

function trainings(folder) {
  return Object.keys(TRAININGS).map((name) => {
    const place = join(folder, name);
    const plan = smallPlan(place, name);
    return { name, plan, recording: recordTraining(place, plan, name) };
  });
}

/** Checked code takes many times as long, on a busy machine minutes for one test. */
const TEST_TIMEOUT_MS = 900_000;

function vitest(what, files, env) {
  const vitest = ["node_modules/vitest/vitest.mjs", "run", `--testTimeout=${TEST_TIMEOUT_MS}`];
  run(what, process.execPath, [...vitest, ...files], env);
}

function checkAddresses(folder, trained) {
  const built = buildChecked("address", ["loratwin", ...(isAll ? ["op_table"] : [])]);
  const env = { LORATWIN_ADDON: built("loratwin.node"), LD_PRELOAD: addressLibrary() };
  for (const { name, plan } of trained) {
    loratwin(`address: training in ${name}`, ["train", plan, "-o", join(folder, `${name}-checked`)], env);
  }
  vitest("address: attacks on the addon", ["test/attacks/addon"], {
    ...env,
    LORATWIN_ATTACK_CASES: isAll ? "10000" : "300",
  });
  if (!isAll) return;
  vitest(
    "address: the runtime's tests",
    RUNTIME_TESTS.map((name) => `test/native/${name}.test.ts`),
    env,
  );
  run("address: the operator table", built("op_table"), []);
}

function checkThreads(trained) {
  const built = buildChecked("thread", ["replay_calls", ...(isAll ? ["op_table"] : [])]);
  run(
    "thread: every training",
    built("replay_calls"),
    trained.map(({ recording }) => recording),
  );
  if (isAll) run("thread: the operator table", built("op_table"), []);
}

inTemporaryFolder("sanitizers", (folder) => {
  const trained = trainings(folder);
  checkAddresses(folder, trained);
  checkThreads(trained);
  console.log("sanitizers: nothing found");
});
