import { z } from "zod";

export const currencySchema = z.string().regex(/^[A-Z]{3}$/, "three letters such as USD");

const amountSchema = z.number().min(0);
export const moneySchema = z.strictObject({ amount: amountSchema, currency: currencySchema });
export type Money = Readonly<z.infer<typeof moneySchema>>;

/** What a device costs while it works. */
export const priceSchema = z.strictObject({ perHour: amountSchema, currency: currencySchema });

/** What a job has taken of devices: the time for which they worked for it, and what that costs where it has a price. */
export const spentSchema = z.strictObject({ deviceSeconds: z.number().min(0), cost: moneySchema.exactOptional() });
export type Spent = Readonly<z.infer<typeof spentSchema>>;

/** The most that a job, or all jobs of a user together, may take of devices: their time, or money. */
export const maxCostSchema = z.union([
  z.strictObject({ deviceSeconds: z.number().positive() }),
  z.strictObject({ amount: z.number().positive(), currency: currencySchema }),
]);
export type MaxCost = Readonly<z.infer<typeof maxCostSchema>>;
