import { z } from "zod";
import { contentHash, InputError } from "../../core/index.ts";
import { type RowSizes, rowsInOrder } from "../actions/job-rows.ts";
import { mixtureDataSchema } from "../documents/data.ts";
import { comparedRowSchema, plannedJobSchema, plannedRowSchema } from "../documents/segment.ts";
import { cutWork, type FleetWork } from "./fleet-work.ts";

const count = z.int().min(0);
const partsSchema = z.array(z.array(plannedRowSchema));

/** Sizes of rows, once for all jobs that take them; by their hash. */
export const writtenSizesSchema = z.strictObject({
  hash: z.string(),
  tokens: z.array(count),
  scored: z.array(count),
  compared: z.array(comparedRowSchema).exactOptional(),
});
export type WrittenSizes = z.infer<typeof writtenSizesSchema>;

/** A job's work as others are told of it: what its rows follow from; or all of its micro-batches, as earlier versions did. */
export const writtenWorkFields = {
  job: plannedJobSchema,
  rows: z
    .strictObject({
      /** The hash of their sizes. */
      sizes: z.string(),
      /** Of the job's data; those behind them are for its evaluation alone. */
      numRows: z.int().positive(),
      shuffle: z.boolean(),
      /** Tokens of the prompts that it answers. */
      prompts: z.array(count),
      /** Of a job with several data sets. */
      mixture: z
        .strictObject({
          mix: mixtureDataSchema.shape.mix.unwrap(),
          stopping: mixtureDataSchema.shape.stopping.unwrap().exactOptional(),
          numRows: z.array(count),
          weights: z.array(z.number().positive()),
        })
        .exactOptional(),
    })
    .exactOptional(),
  steps: z.array(partsSchema).exactOptional(),
  /** Null for a step after which nothing is evaluated. */
  evaluations: z.array(partsSchema.nullable()).exactOptional(),
} as const;
const writtenWorkSchema = z.strictObject(writtenWorkFields);
export type WrittenWork = z.infer<typeof writtenWorkSchema>;

/** Tells of works without what was told before. */
export class WorkWriter {
  readonly #hashes = new WeakMap<RowSizes, string>();
  readonly #told = new Set<string>();

  /** `sizes`: those that the work is of, where they are told of for the first time. */
  write({ job, steps, evaluations, cutFrom }: FleetWork): {
    readonly work: WrittenWork;
    readonly sizes?: WrittenSizes;
  } {
    const source = cutFrom?.rows.source;
    if (source === undefined || job.firstStep !== undefined) {
      const copied = (parts: NonNullable<ReturnType<typeof steps.at>>) => parts.map((rows) => [...rows]);
      const held = evaluations && Array.from(evaluations, (parts) => (parts === undefined ? null : copied(parts)));
      return { work: { job, steps: Array.from(steps, copied), ...(held && { evaluations: held }) } };
    }
    const { numRows, shuffle, prompts, sizes, mixture } = source;
    const mixed = mixture && { ...mixture, numRows: [...mixture.numRows], weights: [...mixture.weights] };
    const hash = this.#hashes.get(sizes) ?? contentHash(sizes);
    this.#hashes.set(sizes, hash);
    const work = {
      job,
      rows: { sizes: hash, numRows, shuffle, prompts: [...prompts], ...(mixed && { mixture: mixed }) },
    };
    if (this.#told.has(hash)) return { work };
    this.#told.add(hash);
    const { tokens, scored, compared } = sizes;
    const written = { hash, tokens: [...tokens], scored: [...scored] };
    return { work, sizes: compared === undefined ? written : { ...written, compared: [...compared] } };
  }

  /** Sizes are to be told of anew where another work has them. */
  forget(hash: string): void {
    this.#told.delete(hash);
  }
}

/** Makes of what was told the works again. */
export class WorkReader {
  readonly #sizes = new Map<string, RowSizes>();

  sizes({ hash, ...sizes }: WrittenSizes): void {
    this.#sizes.set(hash, sizes);
  }

  /** Nobody has them any more. */
  forget(hash: string): void {
    this.#sizes.delete(hash);
  }

  /** @throws InputError for work without its rows */
  read({ job, rows, steps, evaluations }: WrittenWork): FleetWork {
    if (rows === undefined) {
      if (steps === undefined) throw new InputError({ expected: "rows, or steps", at: "rows", got: "neither" });
      return evaluations === undefined
        ? { job, steps }
        : { job, steps, evaluations: evaluations.map((parts) => parts ?? undefined) };
    }
    const { sizes: hash, ...order } = rows;
    const sizes = this.#sizes.get(hash);
    if (sizes === undefined || sizes.tokens.length < order.numRows || sizes.scored.length !== sizes.tokens.length)
      throw new InputError({ expected: `sizes of ${order.numRows} rows before it`, at: "rows.sizes", got: hash });
    return cutWork(job, rowsInOrder(job, { ...order, sizes }, job.dataDigest));
  }
}
