// The addon is built again when a native source, Node, a setting of the build or the processor changed: the build has
// the instruction sets of the processor.
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { hasMpi } from "./open-mpi.mjs";
import { inRoot, root } from "./root.mjs";
import { filesBelow, hashInputs, isFresh, writeStamp } from "./stamp.mjs";
import { runs, SetupError, say } from "./terminal.mjs";

/** What native/build.mjs, CMake and the compiler read from the environment. */
const SETTINGS = ["CXX", "CXXFLAGS", "CMAKE_PREFIX_PATH", "LORATWIN_CUDA", "LORATWIN_ISA", "LORATWIN_CMAKE_ARGS"];

const isSource = (path) => /\.(cc|cpp|h|hpp|cu|cuh|cmake|txt|mjs)$/.test(path);

/** The addon; for tests the operator table too. @throws SetupError where the build fails. */
export function buildNativeAddon({ forTests }) {
  if (!existsSync(inRoot("native/build.mjs"))) return;
  const sources = [
    ...filesBelow(inRoot("native")).filter(isSource),
    inRoot("node_modules/node-addon-api/package.json"),
  ];
  const facts = [
    process.version,
    process.arch,
    cpus()[0]?.model ?? "",
    // Ranks are built where it is.
    hasMpi() ? "MPI" : "",
    ...SETTINGS.map((name) => process.env[name] ?? ""),
  ];
  const [stamp, targets] = forTests ? [".prepared-tests", ["loratwin", "loratwin_mpi", "op_table"]] : [".prepared", []];
  const hash = hashInputs(sources, facts);
  if (isFresh(inRoot("native/build", stamp), hash, [inRoot("native/build/loratwin.node")])) return;
  say("building the native addon (node native/build.mjs)");
  if (!runs(process.execPath, [inRoot("native/build.mjs"), ...targets], { cwd: root })) {
    throw new SetupError("The native addon did not build; the compiler's message is above.");
  }
  writeStamp(inRoot("native/build", stamp), hash);
}
