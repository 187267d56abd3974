// Runs command lines that its parent sends, one after another, with the built program. A process of its own, so that one
// that hangs or takes all memory is ended from outside.
import { readFileSync } from "node:fs";
import { run } from "../../dist/cli/run.js";

/** The most resident memory of this program. `resourceUsage` tells that of the process which started it, if that is more. */
function mostBytes() {
  return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
}

process.on("message", async ({ argv, cwd }) => {
  let stdout = "";
  let stderr = "";
  const io = {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTty: false,
    cwd,
  };
  try {
    const code = await run(argv, io);
    process.send({ code, stdout, stderr, bytes: mostBytes() });
  } catch (error) {
    process.send({ code: "crash", stdout, stderr: error instanceof Error ? error.stack : String(error), bytes: 0 });
  }
});
