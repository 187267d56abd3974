// The system packages that the native addon needs, and oneDNN, without which it is built too. Each is found by looking for
// the thing itself, so a compiler or a oneDNN of one's own counts as well as the distribution's.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findPackageManager } from "./package-manager.mjs";
import { inRoot } from "./root.mjs";
import { findProgram } from "./search-path.mjs";
import { SetupError } from "./terminal.mjs";

function prefixes() {
  const own = [process.env.DNNLROOT ?? "", ...(process.env.CMAKE_PREFIX_PATH ?? "").split(":")];
  return [...own, "/usr", "/usr/local"].filter((path) => path !== "");
}

/** `lib`, `lib64` and the folders of architectures below them (Debian: lib/x86_64-linux-gnu). */
function libraryFolders(prefix) {
  const top = ["lib", "lib64"].map((name) => join(prefix, name)).filter((path) => existsSync(path));
  const inner = top.flatMap((path) =>
    readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.includes("-linux-"))
      .map((entry) => join(path, entry.name)),
  );
  return [...top, ...inner];
}

function hasOneDnn() {
  return prefixes().some(
    (prefix) =>
      existsSync(join(prefix, "include/oneapi/dnnl/dnnl.hpp")) &&
      libraryFolders(prefix).some((folder) => existsSync(join(folder, "libdnnl.so"))),
  );
}

function hasCompiler() {
  const own = process.env.CXX?.split(" ")[0];
  return findProgram(own === undefined || own === "" ? ["c++", "g++", "clang++"] : [own]) !== undefined;
}

const needs = [
  { what: "a C++ compiler", apt: "g++", dnf: "gcc-c++", isThere: hasCompiler },
  { what: "CMake", apt: "cmake", dnf: "cmake", isThere: () => findProgram(["cmake"]) !== undefined },
  {
    what: "make or Ninja",
    apt: "make",
    dnf: "make",
    isThere: () => findProgram(["make", "gmake", "ninja", "ninja-build"]) !== undefined,
  },
  {
    what: "oneDNN with its headers",
    apt: "libdnnl-dev",
    dnf: "onednn-devel",
    isThere: hasOneDnn,
    isOptional: true,
  },
];

/** The one message about packages that are missing, with what to type on either family of distributions. */
export function missingMessage(missing) {
  const names = (kind) => missing.map((need) => need[kind]).join(" ");
  return [
    `Expected ${missing.map((need) => `${need.what} (${need.apt})`).join(", ")} on this machine, and could not install it.`,
    "Install it by hand and run the command again:",
    `  Debian, Ubuntu:  sudo apt-get update && sudo apt-get install -y ${names("apt")}`,
    `  Fedora, RHEL:    sudo dnf install -y ${names("dnf")}`,
  ].join("\n");
}

/** Whether what the addon is faster with may be asked for: before its first build, and not each time. */
const asksOptional = () => !existsSync(inRoot("native/build/loratwin.node"));

/** @throws SetupError (3) naming every package that is still missing and needed. */
export function installSystemPackages() {
  const lacking = (isOptional) => needs.filter((need) => (need.isOptional ?? false) === isOptional && !need.isThere());
  const missing = lacking(false);
  const wanted = asksOptional() ? lacking(true) : [];
  if (missing.length + wanted.length === 0) return;
  const manager = findPackageManager();
  if (manager !== undefined) {
    manager.refresh();
    const names = [...missing, ...wanted.filter((need) => manager.offers(need[manager.kind]))];
    if (names.length > 0) manager.install(names.map((need) => need[manager.kind]));
  }
  const left = lacking(false);
  if (left.length > 0) throw new SetupError(missingMessage(left), 3);
}
