import { z } from "zod";
import { candidateSchema } from "./candidates.ts";
import { stepLayoutSchema } from "./step-layout.ts";

const amount = z.number().min(0);
const count = z.int().min(0);
const share = z.number().min(0).max(1);

/** What the cheapest or best candidate is the first by. */
export const OBJECTIVES = ["cost", "energy", "time"] as const;

/** The middle of some draws, and nine of ten of them. */
const spread = { mean: amount, low: amount, high: amount };
const spreadSchema = z.strictObject(spread);
export type Spread = z.infer<typeof spreadSchema>;

/** How sure it is that a level is kept in enough draws. */
const surety = {
  /** Of the draws that were simulated, those in which the level was kept. */
  kept: count,
  draws: count,
  /** Bounds of the share of all draws there are, each by itself as sure as `confidence` (Clopper and Pearson). */
  keptAtLeast: share,
  keptAtMost: share,
  /** Whether one of the bounds says on which side of `probability` the share is; where none does, the draws decide. */
  isSure: z.boolean(),
};

/** A candidate that was simulated, as it is told of. Costs, hours and use are of the draws that all candidates have. */
const candidateRowSchema = z.strictObject({
  candidate: candidateSchema,
  ...surety,
  /** Whether none of those that were simulated and keep the level costs no more and takes fewer of its hours. */
  isOnFront: z.boolean(),
  /** In the currency of the prices, over the forecast; `mean` is the sum of `hardware`, `energy` and `rent`. */
  cost: z.strictObject({ ...spread, hardware: amount, energy: amount, rent: amount }),
  /** Of boards, with what cooling and the rest of the machine take, over the forecast. */
  kilowattHours: amount,
  /** By level of service: what so many of a hundred jobs took at most, in hours. */
  levels: z.array(
    z.strictObject({ ...spread, kinds: z.array(z.string()), percent: z.number(), levelHours: z.number().positive() }),
  ),
  /** Hours in which accelerators trained, of those of the forecast: some end their last jobs behind it. */
  utilisation: amount,
  /** Where the hours of the tightest level go: to training, or to waiting for a slot. */
  holds: z.enum(["training", "queue"]),
  /** By kind, how a job of it is laid out on a slot, and its step alone. */
  layouts: z.array(
    z.strictObject({
      kind: z.string(),
      ...stepLayoutSchema.shape,
      stepSeconds: z.number().positive(),
      /** Of the memory of an accelerator that may be used, what the kind's jobs take that share a slot. */
      memoryShare: amount,
      /** Of its step, what products, attention, memory traffic and links take; the rest is the head, gaps, the update. */
      shares: z.strictObject({ products: share, attention: share, memory: share, link: share, rest: share }),
    }),
  ),
  /** Seconds between checkpoints that cost least; null where interruptions are none, or come with a notice. */
  checkpointSeconds: z.number().positive().nullable(),
  /** What predicted times rest on: published steps of this model and accelerator, of others, or peaks alone. */
  provenance: z.enum(["fitted", "transferred", "peaks"]),
  /** The standard deviation of the logarithm of predicted times. */
  sigma: amount,
  /** What predicted times assume, in words: the model of an accelerator, software and kernels. */
  assumes: z.strictObject({ device: z.string(), software: z.string(), kernels: z.string() }),
});
export type CandidateRow = z.infer<typeof candidateRowSchema>;

/** Why a candidate was not looked at: nobody can say how fast or at what price it trains, or it has no room for a kind. */
const unfitSchema = z.strictObject({
  candidate: candidateSchema,
  why: z.enum(["unsupported", "no price", "no room"]),
  detail: z.string(),
});
export type UnfitCandidate = z.infer<typeof unfitSchema>;

/** A candidate next to the one that is recommended: all of its draws, or why it cannot train what is forecast. */
const besideSchema = z.union([candidateRowSchema, unfitSchema]);
export type Beside = z.infer<typeof besideSchema>;

/** What the recommendation becomes where something is otherwise than was said. */
const flipSchema = z.strictObject({
  /** In words: "half as many jobs again". */
  what: z.string(),
  /** The best that keeps the level then, and what it costs; null where none does. */
  candidate: candidateSchema.nullable(),
  cost: amount.nullable(),
  /** Whether that is another one than is recommended. */
  isOther: z.boolean(),
});
export type Flip = z.infer<typeof flipSchema>;

/** Machines of their own for the kinds of each base model, which no slot trains beside another one. */
const apartSchema = z.strictObject({
  /** In the order of the forecast, the candidate for some of its kinds. */
  pools: z.array(z.strictObject({ kinds: z.array(z.string()).min(1), best: candidateRowSchema })).min(2),
  /** All pools together: draws in which each of them keeps its levels, and what they cost. */
  ...surety,
  cost: spreadSchema,
  kilowattHours: amount,
});
export type ApartAnswer = z.infer<typeof apartSchema>;

/** Hours of a week from Monday on, over the draws; of a forecast of fewer days its own. */
const weekSchema = z.strictObject({
  /** Jobs that wait, on average over the hour. */
  waiting: z.array(amount),
  /** Slots that train, of all. */
  busy: z.array(share),
});
export type Week = z.infer<typeof weekSchema>;

/** Which machines to buy or rent for jobs that are forecast. */
export const capacityAnswerSchema = z.strictObject({
  kind: z.literal("capacity-answer"),
  version: z.literal(1),
  /** As they are in the prices: three letters, and the day. */
  currency: z.string(),
  pricesOf: z.string(),
  days: z.int().positive(),
  /** That all candidates have, and their seed. One whose share is near `probability` has more. */
  draws: z.int().positive(),
  seed: count,
  /** Of bounds of shares of draws. */
  confidence: share,
  /** The share of the draws in which the level is to be kept. */
  probability: share,
  objective: z.enum(OBJECTIVES),
  best: candidateRowSchema.nullable(),
  runnerUp: candidateRowSchema.nullable(),
  /** The best one with a slot fewer and one more; null where there is no best one, or it has one slot. */
  fewer: besideSchema.nullable(),
  more: besideSchema.nullable(),
  /** The best one with jobs that share slots, or each alone where they do. */
  otherSharing: besideSchema.nullable(),
  /**
   * The best ones where each base model has machines of its own, by the objective; null where there is one base model,
   * and where none keep the levels. A level that kinds of several base models have is kept by each of them.
   */
  apart: apartSchema.nullable(),
  /** How the best one is used over a week. */
  week: weekSchema.nullable(),
  /** Those that keep the level, the best first, and those that were simulated and do not. */
  meets: z.array(candidateRowSchema),
  misses: z.array(candidateRowSchema),
  /** Those that bounds rule out. `least`: what they come to at least, by the objective. */
  pruned: z.array(
    z.strictObject({
      candidate: candidateSchema,
      why: z.enum(["cannot keep the level", "comes behind"]),
      least: amount,
    }),
  ),
  unfit: z.array(unfitSchema),
  /** Empty unless it was asked for. */
  flips: z.array(flipSchema),
});
export type CapacityAnswer = z.infer<typeof capacityAnswerSchema>;
export type CapacityObjective = CapacityAnswer["objective"];
