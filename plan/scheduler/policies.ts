import { adaptive } from "./policies/adaptive.ts";
import { deadline } from "./policies/deadline.ts";
import { fair } from "./policies/fair.ts";
import { fifo } from "./policies/fifo.ts";
import { minpad } from "./policies/minpad.ts";
import { packed } from "./policies/packed.ts";
import { mlora, priority } from "./policies/priority.ts";
import { sjf } from "./policies/sjf.ts";
import type { Policy } from "./policy.ts";
import type { Resources } from "./resources.ts";

export const POLICIES = [
  "fifo",
  "sjf",
  "priority",
  "mlora",
  "minpad",
  "adaptive",
  "packed",
  "fair",
  "deadline",
] as const;
export type PolicyName = (typeof POLICIES)[number];

/** Jobs of an adaptive window, as in ASPEN's simulation, and of a batch that is padded as little as can be. */
const WINDOW = 50;
const BATCH = 4;

const MADE: Readonly<Record<PolicyName, PolicyFactory>> = {
  fifo: () => fifo,
  sjf: (resources) => sjf(resources),
  priority: () => priority,
  mlora: () => mlora,
  minpad: () => minpad({ size: BATCH }),
  adaptive: () => adaptive({ size: WINDOW }),
  packed: () => packed,
  fair: () => fair(),
  deadline: (resources) => deadline(resources),
};

/** What makes a policy for some machines. */
export type PolicyFactory = (resources: Resources) => Policy;

/** A policy by its name, with its usual parameters. */
export function policyOf(name: PolicyName, resources: Resources): Policy {
  return MADE[name](resources);
}
