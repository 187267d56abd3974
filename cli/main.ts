#!/usr/bin/env node
import { once } from "node:events";
import { processLimits, shortRoom } from "./process-room.ts";

// From the first moment on: a SIGUSR2 that nobody listens to ends the process, and a scheduler does not ask first.
let isNoticed = false;
process.on("SIGUSR2", () => {
  isNoticed = true;
});

/** Waits until a stream has room again; false once it takes nothing any more. */
async function isTaken(stream: NodeJS.WriteStream): Promise<boolean> {
  if (stream.writableNeedDrain && stream.errored === null)
    await Promise.race([once(stream, "drain"), once(stream, "close")]).catch(() => {});
  return stream.errored === null && !stream.destroyed;
}

/** Runs the command line, whose modules are loaded here so that a machine that has no room for them is told so. */
async function main(): Promise<number> {
  const short = shortRoom(processLimits());
  if (short !== undefined) {
    process.stderr.write(`${short}\n`);
    return 3;
  }
  const argv = process.argv.slice(2);
  // Before what may fail is loaded.
  if (argv.includes("--debug")) process.setSourceMapsEnabled(true);
  const [{ guardProcess }, { run }] = await Promise.all([import("./process-guard.ts"), import("./run.ts")]);
  guardProcess(process, argv.includes("--debug"));
  return await run(argv, {
    stdout: (text) => process.stdout.write(text),
    stdoutTaken: () => isTaken(process.stdout),
    stderr: (text) => process.stderr.write(text),
    // A terminal; it knows NO_COLOR and FORCE_COLOR.
    ...(process.stdout.hasColors?.() === true ? { painted: (text: string) => process.stdout.write(text) } : {}),
    columns: process.stdout.columns,
    isTty: process.stderr.isTTY === true,
    isStdoutTty: process.stdout.isTTY === true,
    cwd: process.cwd(),
    signals: process,
    wasNoticed: () => isNoticed,
    stdin: process.stdin,
    exit: (code) => process.exit(code),
  });
}

process.exitCode = await main();
