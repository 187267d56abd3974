import { mean, sum } from "../core/index.ts";
import type { AcceleratorPrice, Candidate, Prices } from "../plan/index.ts";
import { HOURS_PER_YEAR, hardwarePerHour, soldCount } from "./money.ts";

/** Machines that fail and are repaired, each by itself. */
export interface Failing {
  readonly perYear: number;
  readonly repairHours: number;
}

/** The share of time in which such a machine does not work. */
export function downShare({ perYear, repairHours }: Failing): number {
  return repairHours / (HOURS_PER_YEAR / perYear + repairHours);
}

/** How likely it is that so many of some machines do not work: of none, of one, and so on (binomial). */
export function downChances(machines: number, share: number): readonly number[] {
  let log = machines * Math.log1p(-share);
  const chances = [Math.exp(log)];
  for (let down = 1; down <= machines; down += 1) {
    log += Math.log(((machines - down + 1) * share) / (down * (1 - share)));
    chances.push(Math.exp(log));
  }
  return chances;
}

/** Slots that are left where so many machines do not work; each takes as many slots with it as it may. */
export function slotsLeft(
  { count, slot }: Candidate,
  { soldIn }: Pick<AcceleratorPrice, "soldIn">,
  down: number,
): number {
  const numSlots = count / slot;
  if (soldIn < slot) return Math.max(0, numSlots - down);
  const left = soldCount(count, { soldIn }) - down * soldIn;
  return Math.max(0, Math.floor(Math.min(count, left) / slot));
}

/** The share of jobs that are late, by group, with some machines beside those that are needed. */
export function lateWith(
  spares: number,
  machines: number,
  share: number,
  lateAt: readonly (readonly number[])[],
): readonly number[] {
  const chances = downChances(machines + spares, share);
  // Where more machines are down than was simulated, all jobs are late.
  return lateAt[0]!.map((_, group) =>
    sum(chances.map((chance, down) => chance * (lateAt[Math.max(0, down - spares)]?.[group] ?? 1))),
  );
}

/** Hours of training that a failure costs a job on average, which begins anew: half of one, longer ones more often. */
export function lostHours(jobHours: readonly number[]): number {
  const all = sum(jobHours);
  return all === 0 ? 0 : sum(jobHours.map((hours) => hours ** 2)) / (2 * all);
}

/** What stands idle while a machine is repaired costs: nothing where nobody has bought it. */
export function idleCost(
  { tenure }: Pick<Candidate, "tenure">,
  { buy, soldIn }: AcceleratorPrice,
  prices: Pick<Prices, "interest">,
  hours: number,
): number {
  return tenure === "buy" && buy !== undefined ? soldIn * hardwarePerHour(buy, prices) * hours : 0;
}

/** Late jobs of draws, on average, by group. */
export function meanLate(draws: readonly { readonly late: readonly number[] }[]): readonly number[] {
  return draws[0]!.late.map((_, group) => mean(draws.map(({ late }) => late[group]!)));
}
