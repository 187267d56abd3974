import { z } from "zod";
import { candidateSchema, TENURES } from "./candidates.ts";
import { forecastSchema } from "./forecast.ts";
import { pricesSchema } from "./prices.ts";
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
  /** Accelerators that are paid for: those of whole machines, as they are sold. */
  paidCount: z.int().positive(),
  /** Why loratwin itself cannot train with it; null where it can. */
  notTrained: z.string().min(1).nullable(),
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
  why: z.enum(["unsupported", "no price", "no room", "not trainable"]),
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

/** What is paid for the best machines, and when. Amounts are whole cents; each month is as the forecast's are on average. */
const moneySchema = z.strictObject({
  /** Over which payments are listed. */
  termMonths: z.number().positive(),
  /** Of the cost over the forecast, what is interest. */
  interestCost: amount,
  /** The same machines in every way that has a price. */
  ways: z.array(
    z.strictObject({
      tenure: z.enum(TENURES),
      meets: z.boolean(),
      upFront: amount,
      /** Each month; less than nothing where others bear more than it costs. */
      monthly: z.number(),
      /** Over the term, and what that is worth today: later payments count less, by the prices' `interest`. */
      total: z.number(),
      presentValue: z.number(),
      /** `month` 0 is paid at once, each other one at its end; `all` is paid until then. */
      months: z.array(z.strictObject({ month: count, paid: z.number(), all: z.number() })).min(2),
      /** From when on it is no cheaper than buying; null for `buy`, and where it is cheaper as long as machines last. */
      breakEvenMonth: z.int().positive().nullable(),
    }),
  ),
  /** A job trains one adapter. Its share of all costs goes by how long it trains; null where none came. */
  jobs: z.array(z.strictObject({ kind: z.string(), jobs: amount, cost: amount.nullable() })),
});
export type CapacityMoney = z.infer<typeof moneySchema>;

/** What failures of machines cost, and what spare machines bring; those that are rented on demand are replaced. */
const failuresSchema = z.strictObject({
  machines: z.int().positive(),
  /** Of all of them, a year. */
  failuresPerYear: amount,
  /** In which one of them does not work, a year: of two at once twice. */
  downHoursPerYear: amount,
  /**
   * One failure. Jobs begin anew; a machine that is bought stands idle until it is repaired, which is billed. What it
   * costs while it stands idle is in the cost of the machines, and in none a year.
   */
  lostAcceleratorHours: amount,
  lostCost: amount,
  idleCost: amount,
  repairCost: amount,
  costPerYear: amount,
  spares: z.array(
    z.strictObject({
      spares: count,
      costPerYear: amount,
      /** In which fewer machines work than are recommended, a year. */
      shortHoursPerYear: amount,
      /** By level, of its jobs those that are late on average. */
      late: z.array(share),
      /** Whether that is no more than each level allows. */
      isEnough: z.boolean(),
    }),
  ),
  /** The fewest that are enough; null where none of those that were looked at is. */
  needed: count.nullable(),
});
export type CapacityFailures = z.infer<typeof failuresSchema>;

/** What it costs on spot that accelerators are taken away, over the forecast. It is a part of the cost. */
const interruptionsSchema = z.strictObject({
  /** As many as are expected while jobs train. */
  count: amount,
  /** By which one lengthens a job: training that is done again, a restart, and checkpoints, however many are written. */
  secondsEach: amount,
  costEach: amount,
  cost: amount,
});
export type CapacityInterruptions = z.infer<typeof interruptionsSchema>;

/** How many more jobs the best machines train, by simulations with more jobs of each kind, a few draws each. */
const headroomSchema = z.strictObject({
  /** The most times as many that were tried with which the level is kept; 1 where none is. */
  kept: z.number().min(1),
  /** The fewest that were tried with which it is not; null where it is with all. */
  missed: z.number().positive().nullable(),
  draws: count,
  /** Until there are `kept` times as many by the forecast's growth; null where it has none. */
  months: amount.nullable(),
});
export type CapacityHeadroom = z.infer<typeof headroomSchema>;

/** Which machines to buy or rent for jobs that are forecast. */
export const capacityAnswerSchema = z.strictObject({
  kind: z.literal("capacity-answer"),
  version: z.literal(1),
  /** As they are in the prices: three letters, and the day. */
  currency: z.string(),
  pricesOf: z.string(),
  days: z.int().positive(),
  /** What was asked, with all defaults. */
  forecast: forecastSchema,
  prices: pricesSchema,
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
  /** Null where there is no best one. */
  money: moneySchema.nullable(),
  /** Null as well where the prices say nothing of failures, and on spot. */
  failures: failuresSchema.nullable(),
  /** Null for all that is not on spot. */
  interruptions: interruptionsSchema.nullable(),
  headroom: headroomSchema.nullable(),
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
