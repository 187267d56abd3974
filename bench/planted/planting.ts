import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { packageFile } from "../../files/index.ts";
import type { ComparedGolden } from "../../studies/index.ts";
import { ChangedClone, type SourceChange } from "./changed-clone.ts";
import type { PlantedFault } from "./planted-change.ts";

/** What `regress` said of a change. */
export interface Said {
  readonly code: number;
  readonly goldens: readonly ComparedGolden[];
}

interface Named {
  readonly name: string;
}

/** Golden workloads that tell planning with a budget: what is not dear takes longer in the first place than itself. */
const DEAR = ["many", "adapters", "unfused"];

/** A clone in which changes are planted one after another, and golden workloads beside it, so that it stays the base. */
export class Planting {
  readonly #clone = new ChangedClone();
  readonly #folder = mkdtempSync(path.join(tmpdir(), "loratwin-planted-"));

  /** What `regress` says of changes. `names`: of the golden workloads that are asked; all where absent. */
  async say(changes: readonly SourceChange[], names?: readonly string[], isExecuted = false): Promise<Said> {
    const folder = this.#goldens(names, isExecuted);
    this.#clone.change(...changes);
    try {
      return await this.#regress([folder, ...(isExecuted ? ["--execute"] : [])]);
    } finally {
      this.#clone.restore();
    }
  }

  /** What it says of a fault, by the golden workload that is to catch it alone. */
  async sayOf({ changes, caughtBy, isExecuted }: PlantedFault): Promise<Said> {
    const names = isExecuted ? ["one-device", caughtBy] : caughtBy === "budget" ? DEAR : [caughtBy];
    return await this.say(changes, names, isExecuted === true);
  }

  remove(): void {
    this.#clone.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A folder with some golden workloads, or all. */
  #goldens(names: readonly string[] | undefined, isExecuted: boolean): string {
    const examples = path.join(this.#folder, "examples");
    cpSync(packageFile("examples"), examples, { recursive: true });
    const file = path.join(examples, "regress", "goldens.yaml");
    const set = parse(readFileSync(file, "utf8")) as {
      readonly goldens: readonly Named[];
      readonly executed: readonly Named[];
    };
    const isAsked = ({ name }: Named): boolean => names === undefined || names.includes(name);
    const executed = isExecuted ? set.executed.filter(isAsked) : [];
    writeFileSync(file, stringify({ ...set, goldens: set.goldens.filter(isAsked), executed }));
    return path.dirname(file);
  }

  /** The command line as it is built, in a process of its own, with builds and results kept beside the clone. */
  #regress(words: readonly string[]): Promise<Said> {
    const main = packageFile("dist", "cli", "main.js");
    const cache = path.join(this.#folder, "cache");
    // The clone's native code is this package's, which is built.
    const addon = packageFile("native", "build", "loratwin.node");
    const env = { ...process.env, XDG_CACHE_HOME: cache, LORATWIN_ADDON: addon };
    const asked = [main, "regress", "--base", "HEAD", ...words, "--json", "--quiet"];
    const options = { cwd: this.#clone.folder, env, maxBuffer: 2 ** 28 };
    return new Promise((resolve, reject) => {
      execFile(process.execPath, asked, options, (error, stdout, stderr) => {
        if (stdout === "") reject(new Error(`regress said nothing but ${stderr}`));
        else
          resolve({ code: error === null ? 0 : Number(error.code), ...(JSON.parse(stdout) as Pick<Said, "goldens">) });
      });
    });
  }
}

/** Whether a change is blocked for the reason that is wanted, and what was said instead. */
export function isCaught({ code, goldens }: Said, { caughtBy, cause }: Pick<PlantedFault, "caughtBy" | "cause">) {
  const golden = goldens.find(({ name }) => name === caughtBy);
  const why = golden?.why ?? [];
  return { isBlocked: code === 1, hasCause: why.some((line) => cause.test(line)), verdict: golden?.verdict, why };
}
