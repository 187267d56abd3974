import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { packageFile } from "../../files/index.ts";

/** A change of one source file. */
export interface SourceChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const WHO = { GIT_AUTHOR_NAME: "test", GIT_AUTHOR_EMAIL: "test@localhost" };

/** A repository of its own with this package's files as they are, which may be changed. */
export class ChangedClone {
  readonly folder = mkdtempSync(path.join(tmpdir(), "loratwin-clone-"));

  constructor() {
    const root = packageFile(".");
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" });
    for (const name of listed.split("\n").filter((line) => line !== "")) {
      mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
      cpSync(path.join(root, name), path.join(this.folder, name), { recursive: true });
    }
    symlinkSync(path.join(root, "node_modules"), path.join(this.folder, "node_modules"));
    this.git("init", "--quiet", "--initial-branch=main");
    this.commit("as it is");
  }

  git(...args: readonly string[]): string {
    const env = { ...process.env, ...WHO, GIT_COMMITTER_NAME: "test", GIT_COMMITTER_EMAIL: "test@localhost" };
    return execFileSync("git", [...args], { cwd: this.folder, encoding: "utf8", env }).trim();
  }

  commit(message: string): string {
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return this.git("rev-parse", "HEAD");
  }

  /** @throws Error where the file has not that text once: the change is of code that has moved */
  change(...changes: readonly SourceChange[]): void {
    for (const { file, from, to } of changes) {
      const place = path.join(this.folder, file);
      const text = readFileSync(place, "utf8");
      const places = text.split(from).length - 1;
      if (places !== 1) throw new Error(`Expected one place of ${JSON.stringify(from)} in ${file}, found ${places}`);
      writeFileSync(
        place,
        text.replace(from, () => to),
      );
    }
  }

  restore(): void {
    this.git("checkout", "--quiet", ".");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
