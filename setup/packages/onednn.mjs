// oneDNN as the prebuilt addon has it: products alone, no threads of its own, linked into the addon.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { runs, SetupError, say } from "../terminal.mjs";

export const ONEDNN = {
  version: "3.13.1",
  source: "https://github.com/uxlfoundation/oneDNN",
  tag: "v3.13.1",
  commit: "5f93c2194d41d36dc55eb736ce00899b8946e7a3",
};

/** Its sources: LORATWIN_ONEDNN_SOURCE, or fetched and compared with the commit. @throws SetupError */
function sources(cache) {
  const given = process.env.LORATWIN_ONEDNN_SOURCE;
  if (given !== undefined && given !== "") return given;
  const folder = join(cache, `onednn-${ONEDNN.version}-source`);
  const git = (...args) => execFileSync("git", ["-C", folder, ...args], { encoding: "utf8" }).trim();
  if (!existsSync(join(folder, ".git"))) {
    say(`fetching oneDNN ${ONEDNN.version}`);
    if (!runs("git", ["clone", "--quiet", "--depth", "1", "--branch", ONEDNN.tag, ONEDNN.source, folder]))
      throw new SetupError(`Expected ${ONEDNN.source} to be there; or name a folder by LORATWIN_ONEDNN_SOURCE.`, 3);
  }
  if (git("rev-parse", "HEAD") !== ONEDNN.commit)
    throw new SetupError(`Expected ${folder} to be commit ${ONEDNN.commit}, got ${git("rev-parse", "HEAD")}.`);
  return folder;
}

/** The folder of its header and static library, built on the first call, which takes a while. @throws SetupError */
export function buildOneDnn(cache, arch, toolchain) {
  const prefix = join(cache, `onednn-${ONEDNN.version}-${arch}`);
  if (existsSync(join(prefix, "lib", "libdnnl.a"))) return prefix;
  const build = join(cache, `onednn-${ONEDNN.version}-${arch}-build`);
  mkdirSync(build, { recursive: true });
  const source = sources(cache);
  say(`building oneDNN ${ONEDNN.version} for ${arch} in ${build}`);
  const options = {
    CMAKE_TOOLCHAIN_FILE: toolchain,
    CMAKE_BUILD_TYPE: "Release",
    CMAKE_INSTALL_PREFIX: prefix,
    CMAKE_INSTALL_LIBDIR: "lib",
    ONEDNN_LIBRARY_TYPE: "STATIC",
    ONEDNN_CPU_RUNTIME: "SEQ",
    ONEDNN_GPU_RUNTIME: "NONE",
    ONEDNN_ENABLE_PRIMITIVE: "MATMUL;REORDER",
    // What is fast is made at run time, by brgemm for products. Its own code is for any processor, and soon compiled.
    ONEDNN_ARCH_OPT_FLAGS: "",
    ONEDNN_ENABLE_GEMM_KERNELS_ISA: "NONE",
    CMAKE_CXX_FLAGS_RELEASE: `-O1 -g0 -DNDEBUG -ffile-prefix-map=${source}=onednn`,
    ONEDNN_BUILD_GRAPH: "OFF",
    ONEDNN_BUILD_DOC: "OFF",
    ONEDNN_BUILD_TESTS: "OFF",
    ONEDNN_BUILD_EXAMPLES: "OFF",
    ONEDNN_ENABLE_JIT_PROFILING: "OFF",
    ONEDNN_ENABLE_ITT_TASKS: "OFF",
  };
  const defines = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  const isBuilt =
    runs("cmake", ["-G", "Ninja", "-S", source, "-B", build, ...defines]) &&
    runs("cmake", ["--build", build, "--target", "install"]);
  if (!isBuilt) throw new SetupError("oneDNN did not build; the reason is above.");
  return prefix;
}
