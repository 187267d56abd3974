// The project's root, wherever the command was started.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The absolute path of something in the project. */
export function inRoot(...parts) {
  return join(root, ...parts);
}
