// Formats C++ as .clang-format says; with --check it only tells what would change.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { inRoot, root } from "./root.mjs";

const formatter = createRequire(import.meta.url).resolve("clang-format/bin/linux_x64/clang-format");

/** Sources of C++ and CUDA as git knows them: tracked, or new and not ignored. */
function sources() {
  const patterns = ["cc", "h", "cu", "cuh"].map((ending) => `*.${ending}`);
  const words = ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...patterns];
  const { stdout } = spawnSync("git", words, { cwd: root, encoding: "utf8" });
  return stdout.split("\n").filter((file) => file !== "" && existsSync(inRoot(file)));
}

if (process.platform !== "linux" || process.arch !== "x64") {
  console.log("C++ is formatted on linux-x64 only: its formatter has no other program.");
} else {
  const how = process.argv.includes("--check") ? ["--dry-run", "--Werror"] : ["-i"];
  process.exitCode = spawnSync(formatter, [...how, ...sources()], { cwd: root, stdio: "inherit" }).status ?? 1;
}
