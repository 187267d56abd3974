import { readFileSync } from "node:fs";

/** The fields of /proc/PID/stat behind the program's name, which is in parentheses and may hold anything (proc(5)). */
export function processFields(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

/** Whether a process is there, and more than what is left of one that nobody has waited for. */
export function isProcessAlive(pid: number): boolean {
  try {
    // Asks, and sends nothing.
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return processFields(pid)[0] !== "Z";
}
