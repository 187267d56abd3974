// Builds native/build/loratwin.node and other CMake targets: node native/build.mjs [target...].
// Without arguments: the addon, and ranks over MPI where that is installed.
// The addon has the CUDA backend where there is nvcc and a GPU, or LORATWIN_CUDA is 1; 0 leaves it out.
// Operators are compiled for this processor's instruction sets; LORATWIN_ISA=all: for those of all processors.
// Prints the tools' output only when something fails. LORATWIN_CMAKE_ARGS adds arguments to the configuration, and
// LORATWIN_SANITIZE (address, thread) builds in a folder of its own, such as native/build-address; so does
// LORATWIN_BUILD, whose value is the last part of that folder's name.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const source = dirname(fileURLToPath(import.meta.url));
const root = dirname(source);
const sanitize = process.env.LORATWIN_SANITIZE ?? "";
const name = process.env.LORATWIN_BUILD ?? sanitize;
const build = join(source, name === "" ? "build" : `build-${name}`);
const targets = process.argv.slice(2);
const require = createRequire(import.meta.url);

function fail(message, output = "") {
  process.stderr.write(`${output}${output === "" || output.endsWith("\n") ? "" : "\n"}${message}\n`);
  process.exit(1);
}

function run(command, args, failure) {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.error?.code === "ENOENT")
    fail(`Expected the command ${command}, found none.\nHint: apt install cmake g++, dnf install cmake gcc-c++`);
  if (result.status !== 0) fail(failure, `${result.stdout}${result.stderr}`);
  return result.stdout;
}

function wantsCuda() {
  const asked = process.env.LORATWIN_CUDA ?? "";
  return asked === "" ? "AUTO" : asked === "0" ? "OFF" : "ON";
}

// Where pip has put CUDA's toolkit, if it has.
function pythonNvidia() {
  const print = "import importlib.util as u; s = u.find_spec('nvidia'); print(';'.join(s.submodule_search_locations if s else []))";
  const { status, stdout } = spawnSync("python3", ["-c", print], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
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

const folderOf = (name) => dirname(require.resolve(`${name}/package.json`));
const hasCcache = spawnSync("ccache", ["--version"]).status === 0;
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const extra = (process.env.LORATWIN_CMAKE_ARGS ?? "").split(" ").filter((argument) => argument !== "");

const configured = run(
  "cmake",
  [
    "-S",
    source,
    "-B",
    build,
    `-DLORATWIN_NODE_INCLUDE=${join(folderOf("node-api-headers"), "include")}`,
    `-DLORATWIN_NAPI_INCLUDE=${folderOf("node-addon-api")}`,
    `-DLORATWIN_VERSION=${version}`,
    `-DLORATWIN_CUDA=${wantsCuda()}`,
    `-DLORATWIN_PYTHON_NVIDIA=${pythonNvidia()}`,
    `-DLORATWIN_SANITIZE=${sanitize}`,
    `-DLORATWIN_ISA=${process.env.LORATWIN_ISA ?? "native"}`,
    `-DCMAKE_CXX_COMPILER_LAUNCHER=${hasCcache ? "ccache" : ""}`,
    ...extra,
  ],
  "The native build could not be configured; the reason is above.",
);
for (const [, note] of configured.matchAll(/^-- loratwin: (.*)$/gm)) process.stderr.write(`${note}\n`);
// What ccache needs to keep what was compiled with precompiled headers (ccache's manual, "Precompiled headers").
process.env.CCACHE_SLOPPINESS ??= "pch_defines,time_macros,include_file_mtime,include_file_ctime";
run(
  "cmake",
  [
    "--build",
    build,
    "-j",
    String(availableParallelism()),
    "--target",
    ...(targets.length > 0 ? targets : ["loratwin", "loratwin_mpi"]),
  ],
  "The native build failed; the compiler's message is above.",
);
