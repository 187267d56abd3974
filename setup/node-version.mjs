import { SetupError } from "./terminal.mjs";

const oldestMajor = 20;

/** @throws SetupError (3) below Node 20. */
export function checkNodeVersion() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < oldestMajor) {
    throw new SetupError(`Expected Node ${oldestMajor} or newer, got ${process.version}.`, 3);
  }
}
