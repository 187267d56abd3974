import { canonicalJson, InputError } from "../core/index.ts";
import type { Job } from "../plan/index.ts";

/** A job, as far as its adapter goes. */
type Adapted = Pick<Job, "name" | "adapter">;

/**
 * Weights are taken over as they are: they mean the same only where all that they are multiplied by is the same.
 * @throws InputError
 */
export function checkSameForm(from: Adapted, to: Adapted): void {
  const formOf = ({ adapter: { init: _init, dropout: _dropout, ...form } }: Adapted): string =>
    canonicalJson(Object.fromEntries(Object.entries(form).filter(([, value]) => value !== undefined)));
  if (formOf(from) === formOf(to)) return;
  throw new InputError({
    expected: `the rank, alpha, targets and form of the adapter of job ${from.name} for a warm start`,
    at: "overrides.adapter",
    got: to.adapter,
    hint: "Leave the adapter out of the overrides, or warm start out of the clone.",
  });
}
