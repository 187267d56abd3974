import { z } from "zod";

const count = z.int().positive();

/** How accelerators are had. */
export const TENURES = ["buy", "reserved", "on-demand", "spot"] as const;
export type Tenure = (typeof TENURES)[number];

export const PRECISIONS = ["bfloat16", "float8", "float4"] as const;

/** Policies of the job scheduler that need nothing but the jobs, and decide when one comes or goes. */
export const SLOT_POLICIES = ["fifo", "sjf", "priority", "mlora", "deadline"] as const;

const shape = {
  /** Accelerators in all. */
  count: count.max(65_536),
  /** Accelerators that train a job, or some together: the model is split over them, or each has some of the rows. */
  slot: count.max(1024),
  /** Of the operands of matrix products, and of the base model's weights. */
  precision: z.enum(PRECISIONS),
  /** The most jobs that share a slot, and its base model, at once. */
  jobsAtOnce: count.max(256),
  policy: z.enum(SLOT_POLICIES),
  tenure: z.enum(TENURES),
};

export const candidateSchema = z
  .strictObject({
    /** The catalog's name. */
    accelerator: z.string().min(1),
    ...shape,
    jobsAtOnce: shape.jobsAtOnce.default(1),
    policy: shape.policy.default("fifo"),
  })
  .refine(({ count: all, slot }) => all % slot === 0, { path: ["count"], message: "a multiple of slot" });
export type Candidate = z.infer<typeof candidateSchema>;

/** Machines that might be bought or rented: one by one, or all that can be made of some values. */
export const candidatesSchema = z
  .strictObject({
    kind: z.literal("candidates"),
    version: z.literal(1),
    candidates: z.array(candidateSchema).max(100_000).default([]),
    generate: z
      .strictObject({
        accelerators: z.array(z.string().min(1)).min(1),
        counts: z.array(shape.count).min(1),
        slots: z.array(shape.slot).min(1),
        precisions: z.array(shape.precision).min(1),
        jobsAtOnce: z.array(shape.jobsAtOnce).min(1).default([1]),
        policies: z.array(shape.policy).min(1).default(["fifo"]),
        tenures: z.array(shape.tenure).min(1),
      })
      .optional(),
  })
  .refine(({ candidates, generate }) => candidates.length > 0 || generate !== undefined, {
    path: ["candidates"],
    message: "candidates, or what to generate them from",
  });
export type Candidates = z.infer<typeof candidatesSchema>;

const MOST = 100_000;

/** Every one once; those whose slots do not divide their accelerators are none. Undefined where there are too many. */
export function allCandidates({ candidates, generate }: Candidates): readonly Candidate[] | undefined {
  const known = new Map(candidates.map((each) => [JSON.stringify(each), each]));
  if (generate === undefined) return [...known.values()];
  const values = {
    accelerator: generate.accelerators,
    count: generate.counts,
    slot: generate.slots,
    precision: generate.precisions,
    jobsAtOnce: generate.jobsAtOnce,
    policy: generate.policies,
    tenure: generate.tenures,
  };
  const lists: readonly (readonly [string, readonly unknown[]])[] = Object.entries(values);
  if (lists.reduce((product, [, list]) => product * list.length, 1) > MOST) return undefined;
  const made = lists.reduce<readonly object[]>(
    (all, [key, list]) => all.flatMap((each) => list.map((value) => ({ ...each, [key]: value }))),
    [{}],
  ) as readonly Candidate[];
  for (const each of made) if (each.count % each.slot === 0) known.set(JSON.stringify(each), each);
  return [...known.values()];
}
