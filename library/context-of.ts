import { DeviceError, InputError, PlanError } from "../core/index.ts";
import { absolute, type Context, HANDED_IN, silent } from "../files/index.ts";
import { placeless } from "./placeless.ts";
import type { Surroundings } from "./surroundings.ts";

/** The same as operations take it. */
export function contextOf({ cwd = process.cwd(), cache = false, onNote, onWarning }: Surroundings): Context {
  const { note, warn, during } = silent(cwd);
  return { cwd, cache, note: onNote ?? note, warn: onWarning ?? warn, during };
}

/** A document that was handed in has no file, and so no line: its path in the document says where a fault is. */
function withoutFile(error: unknown, context: Context): unknown {
  const kind = [InputError, PlanError, DeviceError].find((each) => error instanceof each);
  if (kind === undefined) return error;
  const { facts } = error as InputError;
  return facts.file === absolute(context, HANDED_IN) ? new kind(placeless(facts), { cause: error }) : error;
}

/** Does some work; errors are as a caller of the library sees them. */
export async function asLibrary<T>(context: Context, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw withoutFile(error, context);
  }
}
