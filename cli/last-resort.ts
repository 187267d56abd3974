import { DeviceError, formatFacts, InputError, PlanError } from "../core/index.ts";
import { isSystemError } from "../files/index.ts";

/** An error that nobody expected: EX_SOFTWARE of sysexits.h. */
export const UNEXPECTED = 70;

/** What a command ends with, and what it says on stderr. */
export interface Ending {
  readonly code: number;
  readonly text: string;
}

/** What Node says of memory that is not there. */
const NO_MEMORY = /allocation failed|invalid (?:array|typed array) length|out of memory/i;

function firstLine(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: "a value", message: String(error) };
  return `${name}: ${message.split("\n")[0]}`;
}

/**
 * 2 bad input, 3 the environment, `UNEXPECTED` for a fault of loratwin's own, which is one sentence and, with `debug`,
 * where it came from.
 */
export function endingOf(error: unknown, debug: boolean): Ending {
  const stack = debug && error instanceof Error ? `${error.stack ?? ""}\n` : "";
  const say = (code: number, text: string): Ending => ({ code, text: `${text}\n${stack}` });
  if (error instanceof InputError || error instanceof PlanError) return say(2, error.message);
  if (error instanceof DeviceError) return say(3, error.message);
  if (isSystemError(error)) {
    const { code, syscall, path: file } = error;
    const where = file === undefined || file === "" ? {} : { file };
    return say(
      3,
      formatFacts({ expected: `the system to do what it was asked for (${syscall})`, ...where, got: code }),
    );
  }
  if (error instanceof RangeError && NO_MEMORY.test(error.message))
    return say(3, formatFacts({ expected: "enough memory", got: error.message }));
  const hint = debug ? "" : " (--debug shows where)";
  return say(UNEXPECTED, `Unexpected error, a fault of loratwin's own: ${firstLine(error)}${hint}`);
}
