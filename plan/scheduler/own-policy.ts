import { InputError } from "../../core/index.ts";
import { checkedChoice } from "./checked-choice.ts";
import { type FleetJob, predictedLeft } from "./fleet-job.ts";
import { preemptively, takeInTurn } from "./in-order.ts";
import { byArrival, type Policy } from "./policy.ts";
import type { Resources } from "./resources.ts";

/** What a person's policy is handed beside the machines, so that its file needs to import nothing. */
const POLICY_TOOLS = { takeInTurn, preemptively, byArrival, predictedLeft } as const;
export type PolicyTools = typeof POLICY_TOOLS;

/** What the file of a policy exports as its default: the policy, or what makes it for some machines. */
export type OwnPolicy = Policy | ((resources: Resources, tools: PolicyTools) => Policy);

/** Where a person's policy is written. */
export interface PolicySource {
  readonly file: string;
  /** The line of the file that an error was thrown in, where it says so. */
  readonly lineOf: (error: unknown) => number | undefined;
}

const WATCHES: readonly Policy["watches"][] = ["changes", "progress", "iterations"];

/** What code of a person's policy gives, or in one sentence what it throws. `what`: "a decision of policy mine". */
function running<T>({ file, lineOf }: PolicySource, what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const line = lineOf(error);
    const got = error instanceof Error ? `${error.name}: ${error.message}` : error;
    throw new InputError({ file, ...(line === undefined ? {} : { line }), expected: what, got }, { cause: error });
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** @throws InputError for what is no policy */
function checkedShape(file: string, policy: unknown, isMade: boolean): Policy {
  if (!isRecord(policy))
    throw new InputError({
      file,
      expected: isMade ? "a function that returns a policy" : "a default export that is a policy, or a function",
      got: isMade ? `${policy}` : typeof policy,
    });
  const fault = (expected: string, at: string): InputError => {
    const value = policy[at];
    return new InputError({ file, expected, at, got: typeof value === "function" ? "a function" : value });
  };
  for (const name of ["name", "describe"])
    if (typeof policy[name] !== "string" || policy[name] === "") throw fault("a text", name);
  for (const name of ["compare", "decide"]) if (typeof policy[name] !== "function") throw fault("a function", name);
  if (!WATCHES.some((each) => each === policy["watches"])) throw fault(WATCHES.join(", "), "watches");
  return policy as unknown as Policy;
}

/** Copies, so that a policy cannot change what is known. */
function frozen(jobs: readonly FleetJob[]): readonly FleetJob[] {
  return Object.freeze(jobs.map((job) => Object.freeze({ ...job })));
}

/** A policy that a person wrote, for some machines. @throws InputError for one that is none, and whenever it errs */
export function checkedPolicy(own: unknown, resources: Resources, source: PolicySource): Policy {
  const { file } = source;
  const isMade = typeof own === "function";
  const policy = checkedShape(
    file,
    isMade ? running(source, "a policy", () => own(Object.freeze({ ...resources }), POLICY_TOOLS)) : own,
    isMade,
  );
  const who = `policy ${policy.name}`;
  const compare = (a: FleetJob, b: FleetJob): number => {
    const order: unknown = running(source, `an order of jobs of ${who}`, () => policy.compare(a, b));
    if (typeof order === "number" && !Number.isNaN(order)) return order;
    throw new InputError({ file, expected: `a number from ${who}`, at: "compare", got: `${order}` });
  };
  return {
    name: policy.name,
    describe: policy.describe,
    watches: policy.watches,
    initial: policy.initial ?? null,
    sharesMicroBatches: policy.sharesMicroBatches === true,
    // A policy that leaves ties open has an order all the same.
    compare: (a, b) => compare(a, b) || byArrival(a, b),
    decide(view, memory) {
      const seen = { ...view, waiting: frozen(view.waiting), placed: frozen(view.placed) };
      const choice: unknown = running(source, `a decision of ${who}`, () => policy.decide(seen, memory));
      return checkedChoice(choice, view, {
        fault: (facts) => new InputError({ file, ...facts, expected: `${facts.expected} from ${who}` }),
        running: (call) => running(source, `a reason of ${who}`, call),
      });
    },
  };
}
