import { z } from "zod";
import { currencySchema } from "./money.ts";

const positive = z.number().positive();
const share = z.number().min(0).max(1);

/** What one accelerator costs, with its share of machine, network and room. Every way to have it is optional. */
const acceleratorPriceSchema = z.strictObject({
  /** Accelerators of a machine as it is sold: whole machines are bought, rented, and fail. */
  soldIn: z.int().positive().max(1024).default(1),
  /** Of a machine: how often it fails, and the hours until it works again or another one stands in its place. */
  failures: z
    .strictObject({
      perYear: positive.max(1000),
      repairHours: positive.max(8766),
      /** The bill of a repair, of a machine that is bought. */
      repairCost: z.number().min(0).default(0),
    })
    .optional(),
  buy: z
    .strictObject({
      price: positive,
      /** Over which the price is spread in equal payments; then it is bought anew. */
      years: positive.max(50),
      /** What it is sold for at their end. */
      resale: z.number().min(0).default(0),
      /** Board power that an idle one takes, of that of the catalog. */
      idlePower: share.default(0.15),
      /** Of its idle hours, those in which others use it and bear its price. */
      restUsed: share.default(0),
    })
    .refine(({ price, resale }) => resale <= price, { error: "no more than its price", path: ["resale"] })
    .optional(),
  /** By the hour, all hours. */
  reservedPerHour: positive.optional(),
  /** By the hour, while it trains. */
  onDemandPerHour: positive.optional(),
  /** The same, but it may be taken away. */
  spot: z
    .strictObject({
      perHour: positive,
      /** How often the accelerators of a slot are taken away together. */
      interruptionsPerDay: z.number().min(0).max(1440),
      noticeSeconds: z.number().min(0).max(86_400),
      /** Until the job goes on elsewhere. */
      restartSeconds: z.number().min(0).max(86_400),
      /** To write a checkpoint; 0: none is written, and a job that was interrupted begins anew. */
      checkpointSeconds: z.number().min(0).max(3600),
    })
    .optional(),
});
export type AcceleratorPrice = z.infer<typeof acceleratorPriceSchema>;

/** What machines cost, as somebody wrote it down on a day. Storage and network traffic are not in it. */
export const pricesSchema = z.strictObject({
  kind: z.literal("prices"),
  version: z.literal(1),
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "a date such as 2026-11-24"),
  currency: currencySchema,
  /** Of machines that are bought. */
  perKilowattHour: z.number().min(0),
  /** Power drawn for each watt of boards: cooling, processors, network. */
  powerFactor: z.number().min(1).default(1.4),
  /** A year, of money that is paid before machines have earned it: 0.08 is 8 %. */
  interest: share.default(0),
  /** Months over which payments are listed; where absent the `years` of what is recommended, or 12 where it has none. */
  termMonths: positive.max(600).optional(),
  /** By the catalog's name. */
  accelerators: z.record(z.string(), acceleratorPriceSchema),
});
export type Prices = z.infer<typeof pricesSchema>;
