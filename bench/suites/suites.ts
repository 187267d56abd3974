import type { Suite } from "../suite.ts";
import { training } from "./training.ts";

/** Every suite, in the order in which all of them run. */
export const SUITES = { training } as const satisfies Readonly<Record<string, Suite>>;
