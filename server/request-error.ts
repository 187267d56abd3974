import { type ErrorFacts, formatFacts, furtherLines, InputError, PlanError } from "../core/index.ts";
import type { WireFacts } from "./messages.ts";

/** Characters of a value in an answer. */
const SHOWN = 200;

/** The header of an answer of a server that is not ready yet, with seconds. */
export const RETRY_AFTER = "retry-after";

/** A request that is not granted, with its HTTP status. Caught inside of the server. */
export class RequestError extends Error {
  readonly status: number;
  readonly facts: ErrorFacts;

  constructor(status: number, facts: ErrorFacts, options?: ErrorOptions) {
    super(formatFacts(facts), options);
    this.name = "RequestError";
    this.status = status;
    this.facts = facts;
  }

  /** Whether the same may be granted later. */
  get isForNow(): boolean {
    return this.status === 429 || this.status === 503;
  }
}

/** What of an error goes to who asked. */
export function wireFacts(facts: ErrorFacts): WireFacts {
  const { expected, got, at, hint } = facts;
  const detail = [...(facts.detail === undefined ? [] : [facts.detail]), ...furtherLines(facts)].join("\n");
  const text = typeof got === "string" ? got : JSON.stringify(got);
  return {
    expected,
    ...(text === undefined ? {} : { got: text.length > SHOWN ? `${text.slice(0, SHOWN - 3)}...` : text }),
    ...(at === undefined ? {} : { at }),
    ...(hint === undefined ? {} : { hint }),
    ...(detail === "" ? {} : { detail }),
  };
}

/** The same of what stands within a part of the request: all but what is a clone's name, or the fleet's own. */
function within(part: string, { at, further, ...facts }: ErrorFacts): ErrorFacts {
  const isOutside = at?.startsWith("users.") === true || (at === "name" && part === "overrides");
  return {
    ...facts,
    ...(at === undefined ? {} : { at: isOutside ? at : `${part}.${at}` }),
    ...(further === undefined ? {} : { further: further.map((each) => within(part, each)) }),
  };
}

/**
 * What `ask` gives; where it rejects with what somebody did wrong, a refusal of this status. `part`: of the request, where
 * what is asked about is not all of it.
 */
export async function granted<T>(status: number, ask: () => Promise<T>, part?: string): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof InputError || error instanceof PlanError)
      throw new RequestError(status, part === undefined ? error.facts : within(part, error.facts), { cause: error });
    throw error;
  }
}
