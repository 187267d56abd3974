import { spawn, spawnSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type GuardedProcess, guardProcess } from "../../cli/process-guard.ts";
import { packageFile } from "../../files/index.ts";
import { temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const program = packageFile("dist", "cli", "main.js");

class Stream extends EventEmitter {
  text = "";
  write(text: string): void {
    this.text += text;
  }
}

/** A process, and what was done to it. */
class Double extends EventEmitter implements GuardedProcess {
  readonly stdout = new Stream();
  readonly stderr = new Stream();
  readonly done: string[] = [];
  exit(code: number): void {
    this.done.push(`exit ${code}`);
  }
}

function guarded(debug = false): Double {
  const double = new Double();
  guardProcess(double, debug);
  return double;
}

describe("the rim of the process", () => {
  it("leaves signals to the system, which ends the process while it computes", () => {
    expect(
      guarded()
        .eventNames()
        .filter((name) => String(name).startsWith("SIG")),
    ).toEqual([]);
  });

  it("ends a command that plans for minutes with the first Ctrl-C", async () => {
    const words = ["plan", "examples/large-workload.yaml", "--cluster", "examples/large-cluster.yaml"];
    const child = spawn(process.execPath, [program, ...words], { cwd: packageFile() });
    await sleep(4000);
    child.kill("SIGINT");
    expect(await new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)))).toBe("SIGINT");
  });

  it("takes a reader that has gone for no error, and any other fault of a stream for one", () => {
    const double = guarded();
    double.stdout.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" }));
    expect([double.done, double.stderr.text]).toEqual([[], ""]);
    double.stdout.emit("error", Object.assign(new Error("write EIO"), { code: "EIO", syscall: "write" }));
    expect(double.done).toEqual(["exit 3"]);
    expect(double.stderr.text).toBe('Expected the system to do what it was asked for (write), got "EIO".\n');
  });

  it("says an error that nobody expected in one sentence, and where it came from with --debug", () => {
    for (const event of ["uncaughtException", "unhandledRejection"]) {
      const [plain, debugged] = [guarded(), guarded(true)];
      for (const double of [plain, debugged]) double.emit(event, new TypeError("x is not a function\nat all"));
      expect(plain.done).toEqual(["exit 70"]);
      expect(plain.stderr.text).toBe(
        "Unexpected error, a fault of loratwin's own: TypeError: x is not a function (--debug shows where)\n",
      );
      expect(debugged.stderr.text).toMatch(/process-guard\.test\.ts:\d+/);
    }
  });
});

describe("a reader that goes away", () => {
  it.each([
    ["its result", "catalog --json | head -c 10", ""],
    ["its help", "--help | head -n 1", ""],
    ["what it says", "catalog --json 2>&1 >/dev/null | true", ""],
  ])("ends no command that prints %s with an error", (_, words, says) => {
    const line = `set -o pipefail; node ${program} ${words}; echo "code \${PIPESTATUS[0]}" >&2`;
    const { stderr } = spawnSync("bash", ["-c", line], { cwd: root, encoding: "utf8" });
    expect(stderr).toBe(`${says}code 0\n`);
  });
});
