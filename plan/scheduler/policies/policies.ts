import { type Forecaster, noForecast, type Objective } from "../forecast.ts";
import type { Policy } from "../policy.ts";
import type { Resources } from "../resources.ts";
import { adaptive } from "./adaptive.ts";
import { deadline } from "./deadline.ts";
import { fair } from "./fair.ts";
import { fifo } from "./fifo.ts";
import { minpad } from "./minpad.ts";
import { packed } from "./packed.ts";
import { mlora, priority } from "./priority.ts";
import { sjf } from "./sjf.ts";
import { twin } from "./twin.ts";

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
  "twin",
] as const;
export type PolicyName = (typeof POLICIES)[number];

/** Jobs of an adaptive window, as in ASPEN's simulation, and of a batch that is padded as little as can be. */
const WINDOW = 50;
const BATCH = 4;

/** What a policy is given beside the machines, for those that ask. */
export interface PolicyOptions {
  /** For `twin`. */
  readonly forecast?: Forecaster;
  readonly objective?: Objective;
}

const MADE: Readonly<Record<PolicyName, (resources: Resources, options: PolicyOptions) => Policy>> = {
  fifo: () => fifo,
  sjf: (resources) => sjf(resources),
  priority: () => priority,
  mlora: () => mlora,
  minpad: () => minpad({ size: BATCH }),
  adaptive: () => adaptive({ size: WINDOW }),
  packed: () => packed,
  fair: () => fair(),
  deadline: (resources) => deadline(resources),
  // Not `fair` and `minpad`, which want something else; not `deadline`, which refuses jobs, and no mean counts those; and
  // not `packed`, whose jobs share micro-batches as long as a fleet goes on.
  twin: (resources, { forecast = noForecast, ...options }) =>
    twin({
      ...options,
      forecast,
      policies: [fifo, sjf(resources), priority, mlora, adaptive({ size: WINDOW })],
    }),
};

/** What makes a policy for some machines. */
export type PolicyFactory = (resources: Resources) => Policy;

/** A policy by its name, with its usual parameters. */
export function policyOf(name: PolicyName, resources: Resources, options: PolicyOptions = {}): Policy {
  return MADE[name](resources, options);
}
