import { z } from "zod";
import { nameSchema } from "./workload.ts";

const relativePath = z.string().min(1).max(200);

/** A workload that a change of planner, scheduler or simulator is judged by. */
const goldenSchema = z
  .strictObject({
    name: nameSchema,
    /** What would be lost if it got worse, in words. */
    guards: z.string().min(1).max(200),
    /** Documents, from this file's folder. */
    workload: relativePath,
    cluster: relativePath.optional(),
    /** In place of a cluster: abstract devices, `unit*4`. */
    devices: z.string().min(1).optional(),
    calibration: relativePath.optional(),
    /** Options of `simulate`, by their names. With `policy` jobs come over time. */
    options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
    /** The largest share by which a figure may get worse. */
    tolerance: z.number().min(0).max(1).default(0.001),
    /** It means the same with its jobs in reverse. */
    anyOrder: z.boolean().default(false),
    /** Jobs over time are simulated action by action: their messages, links and memory are checked, too. */
    byActions: z.boolean().default(false),
  })
  .refine(({ cluster, devices }) => (cluster === undefined) !== (devices === undefined), {
    path: ["devices"],
    message: "either a cluster or devices",
  })
  .refine(({ byActions, options }) => !byActions || options["policy"] !== undefined, {
    path: ["byActions"],
    message: "only with the option `policy`",
  });
export type Golden = z.infer<typeof goldenSchema>;

/** A workload that both revisions train in turn on this machine, over a random model. */
const executedSchema = z.strictObject({
  name: nameSchema,
  guards: z.string().min(1).max(200),
  /** Its folder has what it names, but for the model, which `init-model` makes there. */
  workload: relativePath,
  /** Options of `init-model`, by their names. */
  model: z.record(z.string(), z.union([z.string(), z.number()])),
  devices: z.string().min(1),
  /** Options of `plan`, by their names; with `policy` those of `serve`, and jobs come over time. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
});
export type ExecutedGolden = z.infer<typeof executedSchema>;

/** How many times as much a revision may take as the one before it, of all golden workloads together. */
const budgetSchema = z.strictObject({
  /** Seconds of the processor. */
  cpu: z.number().min(1).default(1.5),
  /** The most memory of the process. */
  memory: z.number().min(1).default(1.5),
});

/** The file of a folder of golden workloads. */
export const GOLDENS_FILE = "goldens.yaml";

/** Workloads with which `regress` judges a change. */
export const goldensSchema = z
  .strictObject({
    kind: z.literal("goldens"),
    version: z.literal(1),
    goldens: z.array(goldenSchema).min(1).max(1000),
    budget: budgetSchema.prefault({}),
    /** For `--execute`. */
    executed: z.array(executedSchema).max(20).default([]),
  })
  .superRefine(({ goldens }, context) => {
    for (const [index, { name }] of goldens.entries())
      if (goldens.findIndex((other) => other.name === name) !== index)
        context.addIssue({ code: "custom", path: ["goldens", index, "name"], message: "each name once" });
  });

/** What a change may do to golden workloads: each entry is for one outcome, and for no other. */
export const acceptedSchema = z.strictObject({
  kind: z.literal("accepted-changes"),
  version: z.literal(1),
  changes: z.array(
    z.strictObject({
      golden: nameSchema,
      /** As `regress` tells it. */
      outcome: z.string().regex(/^[0-9a-f]{12}$/, "twelve hexadecimal digits, as `regress` tells them"),
      /** Why that is right. */
      why: z.string().min(8).max(500),
    }),
  ),
});
export type AcceptedChanges = z.infer<typeof acceptedSchema>;

const figures = z.record(z.string(), z.number());

const storedSchema = z.strictObject({
  /** Exit code, 0 where it was planned and simulated. */
  code: z.int().min(0),
  figures,
  /** Of the documents that it printed and wrote, by the paths of their keys. */
  fields: z.array(z.string()),
  /** Of what the plan decides, of the decisions of a scheduler, and of all times. */
  digests: z.strictObject({ plan: z.string(), decisions: z.string(), times: z.string() }),
  /** What the plan chose, by what it is called. */
  choices: z.record(z.string(), z.string()),
  /** By job, a digest of the rows that each of its steps trains. */
  work: z.record(z.string(), z.string()),
  broken: z.array(z.string()),
});
export type StoredGolden = z.infer<typeof storedSchema>;

/** What goldens came to once: numbers and digests, no timelines. */
export const baselineSchema = z.strictObject({
  kind: z.literal("regress-baseline"),
  version: z.literal(2),
  /** Of loratwin. */
  release: z.string(),
  /** Lists of fields, which many golden workloads have in common. */
  fields: z.array(storedSchema.shape.fields),
  /** `fields`: the place of its list. */
  goldens: z.record(z.string(), storedSchema.extend({ fields: z.int().min(0) })),
});
export type RegressBaseline = z.infer<typeof baselineSchema>;
export type GoldenBudget = z.infer<typeof budgetSchema>;
