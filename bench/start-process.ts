import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { packageFile } from "../files/index.ts";
import { outputOf } from "./own-process.ts";

/** A built checkout of loratwin whose commands are timed. */
export interface Build {
  /** "" for this one; what its measurements' names end in. */
  readonly suffix: string;
  readonly main: string;
}

/** This build and the one to compare with, if any. @throws InputError where that is not built */
export function buildsOf(baseline: string | undefined): readonly Build[] {
  const at = (folder: string): string => path.join(folder, "dist", "cli", "main.js");
  const own = { suffix: "", main: at(packageFile()) };
  if (baseline === undefined) return [own];
  const main = at(baseline);
  if (!existsSync(main))
    throw new InputError({
      expected: "a built checkout of loratwin",
      at: "--baseline",
      got: baseline,
      hint: "It has no dist/cli/main.js: run `npm run build` there.",
    });
  return [own, { suffix: ", baseline", main }];
}

/** What the other build is, so that results of another one do not stand for it. */
export function baselineName(baseline: string): string {
  const { status, stdout } = spawnSync("git", ["rev-parse", "--short=12", "HEAD"], { cwd: baseline, encoding: "utf8" });
  if (status === 0) return stdout.trim();
  const stamp = path.join(baseline, "dist", ".prepared");
  const text = existsSync(stamp) ? readFileSync(stamp) : baseline;
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

export interface TimedCommand {
  readonly seconds: number;
  /** On the wall clock, when the process was asked for. */
  readonly startMs: number;
  readonly stdout: string;
}

/** A command from the start of its process to its end, with a cache of its own. @throws DeviceError when it fails */
export async function timeCommand(
  words: readonly string[],
  { folder, cache }: { readonly folder: string; readonly cache: string },
): Promise<TimedCommand> {
  const env = { ...process.env, XDG_CACHE_HOME: cache };
  const startMs = Date.now();
  const start = performance.now();
  const stdout = await outputOf(words.slice(1).join(" "), process.execPath, words, { cwd: folder, env });
  return { seconds: (performance.now() - start) / 1e3, startMs, stdout };
}

/** A command as the first one of a user, and again. */
export interface ColdAndWarm<T> {
  readonly cold: T;
  readonly warm: T;
}

/** `run` with an empty cache, and once more with what it left there. */
export async function coldAndWarm<T>(cache: string, run: () => Promise<T>): Promise<ColdAndWarm<T>> {
  rmSync(cache, { recursive: true, force: true });
  return { cold: await run(), warm: await run() };
}
