// The prebuilt addon of a processor: all its instruction sets, oneDNN inside, no MPI and no CUDA.
import { readFileSync } from "node:fs";
import { inRoot, root } from "../root.mjs";
import { runs, SetupError, say } from "../terminal.mjs";
import { buildOneDnn } from "./onednn.mjs";
import { GLIBC, zigToolchain } from "./zig.mjs";

/** Versions of the GNU C library that a binary asks for: symbols are written `name@GLIBC_2.17` in its tables. */
function glibcVersions(file) {
  const text = readFileSync(file, "latin1");
  return [...new Set([...text.matchAll(/\0GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => `${major}.${minor}`))];
}

// A thread that has the addon alone, and ends: nothing that it leaves may end the process.
const LOADS_ALONE = "new (require('worker_threads').Worker)('require(process.env.LORATWIN_ADDON)', { eval: true })";

const isNewer = (a, b) => a.localeCompare(b, "en", { numeric: true }) > 0;

/** The file. @throws SetupError where it does not build, or would not run with the oldest C library. */
export function buildAddon(cache, arch) {
  const toolchain = zigToolchain(cache, arch);
  // Only products on AVX-512 and AMX are oneDNN's.
  const onednn = arch === "x64" ? buildOneDnn(cache, arch, toolchain) : undefined;
  say(`building the addon for ${arch}`);
  const env = {
    ...process.env,
    CMAKE_TOOLCHAIN_FILE: toolchain,
    ...(onednn === undefined ? {} : { DNNLROOT: onednn }),
    LORATWIN_BUILD: arch,
    LORATWIN_ISA: "all",
    LORATWIN_CUDA: "0",
    LORATWIN_CMAKE_ARGS: `-DCMAKE_MODULE_LINKER_FLAGS=-s -DLORATWIN_MPI=OFF -DLORATWIN_ONEDNN=${onednn === undefined ? "OFF" : "ON"}`,
  };
  if (!runs(process.execPath, [inRoot("native/build.mjs"), "loratwin"], { cwd: root, env }))
    throw new SetupError(`The addon for ${arch} did not build; the reason is above.`);
  const file = inRoot(`native/build-${arch}/loratwin.node`);
  const tooNew = glibcVersions(file).filter((version) => isNewer(version, GLIBC));
  if (tooNew.length > 0) throw new SetupError(`Expected ${file} to need glibc ${GLIBC} at most, got ${tooNew}.`);
  if (arch === process.arch && !runs(process.execPath, ["-e", LOADS_ALONE], { env: { ...env, LORATWIN_ADDON: file } }))
    throw new SetupError(`Expected ${file} to load and unload, and Node did not end well with it.`);
  return file;
}
