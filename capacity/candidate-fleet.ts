import { createRng, InputError, ownValue } from "../core/index.ts";
import type { Candidate, Catalog, Forecast, Prices, UnfitCandidate } from "../plan/index.ts";
import { NEWEST, type Provenance, stepMachine, stepTrust } from "../studies/index.ts";
import { levelOf } from "./level.ts";
import { hasPrice, type Tariff } from "./money.ts";
import type { SlotFleet } from "./slot-fleet.ts";
import type { SlotKind } from "./slot-kind.ts";
import { SlotTimes } from "./slot-times.ts";
import { type SpotPlan, spotPlan } from "./spot.ts";

/** A candidate that can train all that is forecast, as it is simulated and paid for. */
export interface CandidateFleet {
  readonly candidate: Candidate;
  /** The names of the kinds that it trains. */
  readonly kinds: readonly string[];
  readonly fleet: SlotFleet;
  readonly tariff: Tariff;
  readonly spot: SpotPlan | undefined;
  readonly provenance: Provenance;
  /** Of the logarithm of times. */
  readonly sigma: number;
}

const WORST: Readonly<Record<Provenance, number>> = { fitted: 0, transferred: 1, peaks: 2 };

/** Factor of an accelerator's times in a draw: the same for all candidates with it. The first draw is as predicted. */
export function drawnFactor(accelerator: string, sigma: number, draw: number): number {
  return draw === 0 ? 1 : Math.exp(sigma * createRng(`times of ${accelerator} in draw ${draw}`).nextNormal());
}

/** A candidate with all that it is simulated with, or why it cannot be. */
export function candidateFleet(
  candidate: Candidate,
  { forecast, kinds, catalog, prices, slower = 1 }: CapacityWorld,
): CandidateFleet | UnfitCandidate {
  const { accelerator: name, tenure, precision, slot, count, jobsAtOnce, policy } = candidate;
  const unfit = (why: UnfitCandidate["why"], detail: string): UnfitCandidate => ({ candidate, why, detail });
  const price = ownValue(prices.accelerators, name);
  if (price === undefined || !hasPrice(price, tenure)) return unfit("no price", `${name}: ${tenure}`);
  try {
    const machine = stepMachine(name, catalog, { count: slot, precision, release: NEWEST, hasGraphs: true });
    const { accelerator } = machine;
    const times = SlotTimes.of(machine, jobsAtOnce, kinds);
    if (!(times instanceof SlotTimes)) return unfit("no room", times.noRoom);
    const trusts = kinds.map(({ work }) => stepTrust(accelerator, work.architecture, precision));
    const worst = trusts.reduce((a, b) => (WORST[b.provenance] > WORST[a.provenance] ? b : a));
    const spot = tenure === "spot" ? spotPlan(price.spot!) : undefined;
    const fleet: SlotFleet = {
      ...{ numSlots: count / slot, jobsAtOnce, policy, times, factor: slower },
      startSeconds: forecast.startSeconds,
      expectedSeconds: spot?.expectedSeconds ?? ((seconds) => seconds),
      luckOf: () => 1,
      deadlineSeconds: forecast.kinds.map((kind) => 3600 * levelOf(forecast, kind).hours),
      spanSeconds: 86_400 * forecast.days,
    };
    return {
      ...{ candidate, fleet, spot, provenance: worst.provenance },
      kinds: kinds.map(({ kind }) => kind.name),
      sigma: Math.max(...trusts.map(({ sigma }) => sigma)),
      tariff: { tenure, price, prices, watts: accelerator.watts },
    };
  } catch (error) {
    if (error instanceof InputError) return unfit("unsupported", error.message.split("\n")[0]!);
    throw error;
  }
}

/** All that an answer follows from beside the candidates. */
export interface CapacityWorld {
  readonly forecast: Forecast;
  readonly kinds: readonly SlotKind[];
  readonly catalog: Catalog;
  readonly prices: Prices;
  /** All steps take so many times as long as predicted. */
  readonly slower?: number;
}
