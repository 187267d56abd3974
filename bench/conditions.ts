import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { nativeInfo } from "../exec/index.ts";
import { packageFile, VERSION } from "../files/index.ts";
import { today } from "../workbench/today.ts";
import type { Conditions } from "./case-record.ts";

function git(words: readonly string[], input = ""): string | undefined {
  const { status, stdout } = spawnSync("git", words, {
    cwd: packageFile(),
    encoding: "utf8",
    input,
    maxBuffer: 2 ** 28,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** Texts and results do not change what is measured. */
const SOURCES = ["--", ".", ":(exclude,glob)**/*.md", ":(exclude)bench/results"];

/** The commit, with a digest of what has been changed and added since. */
function commitState(): string {
  const commit = git(["rev-parse", "--short=12", "HEAD"]);
  if (commit === undefined) return "unknown";
  const changed = git(["diff", "HEAD", ...SOURCES]) ?? "";
  const added = git(["ls-files", "--others", "--exclude-standard", ...SOURCES]) ?? "";
  if (changed === "" && added === "") return commit;
  const contents = added === "" ? "" : (git(["hash-object", "--stdin-paths"], `${added}\n`) ?? "");
  const digest = createHash("sha256").update([changed, added, contents].join("\n"));
  return `${commit}+${digest.digest("hex").slice(0, 8)}`;
}

/** "AMD EPYC, family 25, model 17" */
function processor(): string {
  const { cpuModel } = nativeInfo();
  if (!existsSync("/proc/cpuinfo")) return cpuModel;
  const text = readFileSync("/proc/cpuinfo", "utf8");
  const numbers = (["cpu family", "model"] as const).flatMap((key) => {
    const value = new RegExp(`^${key}\\s*: (\\d+)$`, "m").exec(text)?.[1];
    return value === undefined ? [] : [`${key.replace("cpu ", "")} ${value}`];
  });
  return [cpuModel, ...numbers].join(", ");
}

/** What a result made now comes from; `versions` are those of other programs that take part. */
export function conditionsNow(versions: Readonly<Record<string, string>>): Conditions {
  const { onednn, isa, cores } = nativeInfo();
  return {
    date: today(),
    commit: commitState(),
    machine: { processor: processor(), isa, cores: cores.length, memoryBytes: totalmem() },
    versions: { loratwin: VERSION, node: process.version, onednn, ...versions },
  };
}
