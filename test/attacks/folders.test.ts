// @module-tag slow

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import { printed, runCli, temporaryFolder } from "../cli/run-cli.ts";
import { writeSmallInputs } from "../cli/small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const MAIN = packageFile("dist", "cli", "main.js");
const NOBODY = 65534;

const did = (program: string, ...words: readonly string[]): boolean =>
  spawnSync(program, words, { stdio: "ignore" }).status === 0;

function writeWorkload(): void {
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps: 5000, adapter: { rank: 4, alpha: 8, targets: ["q_proj"] } },
  };
  const jobs = [{ name: "first" }, { name: "second" }];
  writeFileSync(
    at("w.json"),
    JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs }),
  );
}

beforeAll(async () => {
  await writeSmallInputs(root);
  writeWorkload();
  const early = ["--max-hours", "0.000001", "--checkpoint-steps", "1"];
  expect((await runCli(["train", "w.json", "--devices", "cpu:0", "-o", "run", ...early], root)).code).toBe(75);
}, 120_000);

/** Of a process that was, and is no more. */
const STALE = (): string => JSON.stringify({ process: spawnSync(process.execPath, ["--version"]).pid, started: null });

/** In a process of its own, which is asked to end and then killed: one that loops answers neither. */
function inTime(argv: readonly string[], owner?: number): SpawnSyncReturns<string> {
  const who = owner === undefined ? {} : { uid: owner, gid: owner };
  return spawnSync(process.execPath, [MAIN, ...argv], {
    ...{ cwd: root, encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL", ...who },
    env: { ...process.env, XDG_CACHE_HOME: at(`cache-${owner}`) },
  });
}

interface Locked {
  readonly what: string;
  /** What holds the lock in the folder of a run that could go on. */
  readonly plant: (folder: string) => void;
  readonly undo?: (folder: string) => void;
  readonly says: RegExp;
  /** What the system lets only some users do. */
  readonly isPossible?: () => boolean;
  readonly as?: number;
}

const isRoot = process.getuid?.() === 0;
const stale = (folder: string): void => writeFileSync(path.join(folder, "lock"), STALE());

const LOCKS: readonly Locked[] = [
  {
    what: "a stale one on a disk that can only be read",
    plant: (folder) => {
      stale(folder);
      did("mount", "--bind", folder, folder);
      did("mount", "-o", "remount,ro,bind", folder);
    },
    undo: (folder) => void did("umount", folder),
    isPossible: () => {
      mkdirSync(at("probe"), { recursive: true });
      const isMounted = did("mount", "--bind", at("probe"), at("probe"));
      if (isMounted) did("umount", at("probe"));
      return isMounted;
    },
    says: /Expected a folder that can be written, got "a disk that can only be read"\.\nHint: Process \d+ .* has left/,
  },
  {
    what: "a stale one in a folder that nobody may change",
    plant: (folder) => {
      stale(folder);
      did("chattr", "+i", folder);
    },
    undo: (folder) => void did("chattr", "-i", folder),
    isPossible: () => {
      mkdirSync(at("immutable"), { recursive: true });
      const isDone = did("chattr", "+i", at("immutable"));
      did("chattr", "-i", at("immutable"));
      return isDone;
    },
    says: /Expected a folder that can be written, got "no permission"\.\nHint: Process \d+ .* has left/,
  },
  {
    what: "a stale one of another user, who alone may remove it",
    plant: (folder) => {
      stale(folder);
      chmodSync(folder, 0o1777);
      for (const name of readdirSync(folder)) if (name !== "lock") chownSync(path.join(folder, name), NOBODY, NOBODY);
    },
    isPossible: () =>
      isRoot &&
      spawnSync("test", ["-r", MAIN], { uid: NOBODY, gid: NOBODY }).status === 0 &&
      did("chmod", "a+rx", root),
    as: NOBODY,
    says: /Expected a folder that can be written, got "no permission"\.\nHint: Process \d+ .* has left/,
  },
  {
    what: "a link to nowhere",
    plant: (folder) => symlinkSync(at("nowhere"), path.join(folder, "lock")),
    says: /Expected a lock of a run folder, which is a file that can be read, got "a link"\./,
  },
  {
    what: "a pipe that nobody writes to",
    plant: (folder) => void did("mkfifo", path.join(folder, "lock")),
    says: /Expected a lock of a run folder, which is a file that can be read, got "no file"\./,
  },
  {
    what: "a folder",
    plant: (folder) => mkdirSync(path.join(folder, "lock")),
    says: /Expected a lock of a run folder, which is a file that can be read, got "a folder"\./,
  },
];

describe("a run folder whose lock cannot be taken is refused, at once and with the reason", () => {
  for (const { what, plant, undo, says, isPossible, as: owner } of LOCKS)
    it.skipIf(isPossible?.() === false)(
      what,
      () => {
        const folder = at(what.replaceAll(" ", "-"));
        cpSync(at("run"), folder, { recursive: true });
        try {
          plant(folder);
          const { status, stderr } = inTime(["resume", folder], owner);
          expect(stderr).toMatch(says);
          expect(status).toBe(2);
        } finally {
          undo?.(folder);
        }
      },
      120_000,
    );

  it("but for one that a process was ended with while it wrote it, or of a number that is none", async () => {
    for (const text of ["", "{", '{"process":-1}', '{"process":0}', '{"process":1.5}', '{"process":1e99}', "[]"]) {
      const folder = at("torn");
      rmSync(folder, { recursive: true, force: true });
      cpSync(at("run"), folder, { recursive: true });
      writeFileSync(path.join(folder, "lock"), text);
      // Left of a process that was ended while it removed a stale one.
      writeFileSync(path.join(folder, "lock.0123456789ab.stale"), "");
      const { code } = await runCli(["resume", folder, "--max-hours", "0.000001"], root);
      expect([text, code]).toEqual([text, 75]);
      expect(readdirSync(folder)).not.toContain("lock");
    }
  }, 120_000);
});

describe("a link that somebody has put where a file is to be made", () => {
  const SECRET = "of somebody else\n";

  it("leads nowhere: no name of a file that is not whole can be known before", async () => {
    mkdirSync(at("shared"));
    const victim = at("victim");
    writeFileSync(victim, SECRET);
    const planted = ["plan.json", "adapters", "model/config.json"].flatMap((name) => {
      mkdirSync(path.dirname(at("shared", name)), { recursive: true });
      return [`${name}.${process.pid}.partial`, `${name}.${process.pid}`, `${name}.new`];
    });
    for (const name of planted) symlinkSync(victim, at("shared", name));
    await printed(["plan", "w.json", "--devices", "cpu:0", "-o", "shared/plan.json"], root);
    await printed(["init-model", "shared/model", "--hidden-size", "32", "--layers", "1", "--heads", "2"], root);
    expect(readFileSync(victim, "utf8")).toBe(SECRET);
    for (const name of planted) expect(lstatSync(at("shared", name)).isSymbolicLink()).toBe(true);
  });

  it("is refused as a member of a run folder, that with checkpoints among them", () => {
    for (const name of ["journal.jsonl", "checkpoints"]) {
      const folder = at(`linked-${name}`);
      cpSync(at("run"), folder, { recursive: true });
      cpSync(path.join(folder, name), at(`elsewhere-${name}`), { recursive: true });
      rmSync(path.join(folder, name), { recursive: true });
      symlinkSync(at(`elsewhere-${name}`), path.join(folder, name));
      const { status, stderr } = inTime(["resume", folder]);
      expect(stderr).toContain(`Expected a run folder with files of its own, got "a symbolic link".`);
      expect(status).toBe(2);
    }
  });
});
