#!/usr/bin/env node
import { processLimits, shortRoom } from "./process-room.ts";

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
    stderr: (text) => process.stderr.write(text),
    isTty: process.stderr.isTTY === true,
    cwd: process.cwd(),
    signals: process,
    exit: (code) => process.exit(code),
  });
}

process.exitCode = await main();
