// A C++ compiler that makes binaries for other processors and older systems: zig's clang, as PyPI has it.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runs, SetupError, say } from "../terminal.mjs";

const ZIG = "ziglang==0.17.1";

/** The oldest GNU C library that the binaries run with: Debian 11's and Ubuntu 20.04's. */
export const GLIBC = "2.31";

/** CMake's and Python's names of Node's processors. */
export const MACHINES = { x64: "x86_64", arm64: "aarch64" };

/** The folder of the compiler, installed on the first call. @throws SetupError */
function installZig(cache) {
  const venv = join(cache, ZIG);
  const folder = join(venv, "zig");
  if (existsSync(join(folder, "ziglang", "zig"))) return join(folder, "ziglang");
  say(`installing ${ZIG} in ${cache}`);
  mkdirSync(venv, { recursive: true });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", folder, ZIG];
  if (!runs("python3", pip))
    throw new SetupError(`Expected python3 with pip to install ${ZIG}, and it could not: apt install python3-pip`, 3);
  return join(folder, "ziglang");
}

/** A CMake toolchain file for a processor. @throws SetupError */
export function zigToolchain(cache, arch) {
  const zig = join(installZig(cache), "zig");
  const folder = join(cache, `toolchain-${arch}-${GLIBC}`);
  mkdirSync(folder, { recursive: true });
  const script = (name, command) => {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\nexec "${zig}" ${command} "$@"\n`, { mode: 0o755 });
    return file;
  };
  const target = `-target ${MACHINES[arch]}-linux-gnu.${GLIBC}`;
  const lines = [
    "set(CMAKE_SYSTEM_NAME Linux)",
    `set(CMAKE_SYSTEM_PROCESSOR ${MACHINES[arch]})`,
    `set(CMAKE_C_COMPILER "${script("cc", `cc ${target}`)}")`,
    `set(CMAKE_CXX_COMPILER "${script("c++", `c++ ${target}`)}")`,
    `set(CMAKE_AR "${script("ar", "ar")}" CACHE FILEPATH "")`,
    `set(CMAKE_RANLIB "${script("ranlib", "ranlib")}" CACHE FILEPATH "")`,
    // Nothing of this machine's goes into them.
    "set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)",
  ];
  const file = join(folder, "toolchain.cmake");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}
