#!/usr/bin/env node
import { guardProcess } from "./process-guard.ts";
import { run } from "./run.ts";

const argv = process.argv.slice(2);
guardProcess(process, argv.includes("--debug"));
process.exitCode = await run(argv, {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTty: process.stderr.isTTY === true,
  cwd: process.cwd(),
  signals: process,
  exit: (code) => process.exit(code),
});
