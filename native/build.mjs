// Builds native/build/loratwin.node and other CMake targets: node native/build.mjs [target...].
// Without arguments: the addon, ranks over MPI where that is installed, and the operator table of the tests.
// The addon has the CUDA backend where there is nvcc and a GPU, or LORATWIN_CUDA is 1; 0 leaves it out.
// Prints the tools' output only when something fails. LORATWIN_CMAKE_ARGS adds arguments to the configuration, and
// LORATWIN_SANITIZE (address, thread) builds in a folder of its own, such as native/build-address.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const source = dirname(fileURLToPath(import.meta.url));
const root = dirname(source);
const sanitize = process.env.LORATWIN_SANITIZE ?? "";
const build = join(source, sanitize === "" ? "build" : `build-${sanitize}`);
const targets = process.argv.slice(2);
const require = createRequire(import.meta.url);

function fail(message, output = "") {
  process.stderr.write(`${output}${output === "" || output.endsWith("\n") ? "" : "\n"}${message}\n`);
  process.exit(1);
}

function findNodeHeaders() {
  const folders = [resolve(process.execPath, "../../include/node"), "/usr/include/node", "/usr/include/nodejs/src"];
  const found = folders.find((folder) => existsSync(join(folder, "node_api.h")));
  if (found === undefined) {
    fail(
      `Expected node_api.h in one of ${folders.join(", ")}, found none.\n` +
        "Hint: install Node's headers (apt install libnode-dev, dnf install nodejs-devel), or Node from nodejs.org",
    );
  }
  return found;
}

function run(command, args, failure) {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.error?.code === "ENOENT")
    fail(`Expected the command ${command}, found none.\nHint: apt install cmake g++, dnf install cmake gcc-c++`);
  if (result.status !== 0) fail(failure, `${result.stdout}${result.stderr}`);
}

// Compiling the kernels for all GPUs takes minutes: without a GPU only who asks for it pays them.
function wantsCuda() {
  const asked = process.env.LORATWIN_CUDA ?? "";
  if (asked !== "") return asked !== "0";
  const hasCompiler = spawnSync("nvcc", ["--version"]).status === 0 || existsSync("/usr/local/cuda/bin/nvcc");
  return hasCompiler && existsSync("/dev/nvidiactl");
}

// A machine may have Ninja and no make. CMake reads the variable only for a folder that has no generator yet
// (cmake-env-variables(7), CMAKE_GENERATOR), so what make has built goes on with make.
function preferNinja() {
  const hasNinja = ["ninja", "ninja-build"].some((name) => spawnSync(name, ["--version"]).status === 0);
  if (hasNinja) process.env.CMAKE_GENERATOR ??= "Ninja";
}

// Test files build what they need, two at a time: one after the other, since they share object files. The kernel gives
// the turn back when this process and its compilers have ended, however they do. Without flock nobody waits.
function takeTurn() {
  mkdirSync(build, { recursive: true });
  if (process.env.LORATWIN_BUILD_TURN === build) return;
  const again = ["-x", join(build, ".building"), process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, LORATWIN_BUILD_TURN: build };
  const { error, status } = spawnSync("flock", again, { stdio: "inherit", env });
  if (error?.code !== "ENOENT") process.exit(status ?? 1);
}

takeTurn();
preferNinja();

// Relative to the current folder.
const napi = require("node-addon-api").include_dir;
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const cuda = wantsCuda();
const extra = (process.env.LORATWIN_CMAKE_ARGS ?? "").split(" ").filter((argument) => argument !== "");

run(
  "cmake",
  [
    "-S",
    source,
    "-B",
    build,
    `-DLORATWIN_NODE_INCLUDE=${findNodeHeaders()}`,
    `-DLORATWIN_NAPI_INCLUDE=${resolve(napi)}`,
    `-DLORATWIN_VERSION=${version}`,
    `-DLORATWIN_CUDA=${cuda ? "ON" : "OFF"}`,
    `-DLORATWIN_SANITIZE=${sanitize}`,
    ...extra,
  ],
  "The native build could not be configured; the reason is above.",
);
run(
  "cmake",
  [
    "--build",
    build,
    "-j",
    String(availableParallelism()),
    "--target",
    ...(targets.length > 0 ? targets : ["loratwin", "loratwin_mpi", "op_table"]),
  ],
  "The native build failed; the compiler's message is above.",
);
