import { InputError, ownValue } from "../core/index.ts";
import type { Candidate, CandidateRow, Catalog, Forecast, Prices, UnfitCandidate } from "../plan/index.ts";
import { NEWEST, type Provenance, plainSoftware, stepAssumptions, stepMachine } from "../studies/index.ts";
import type { Drawing } from "./error-draws.ts";
import { levelOf } from "./level.ts";
import { hasPrice, type Tariff } from "./money.ts";
import { wattsOf } from "./run-cost.ts";
import { notTrained } from "./run-files.ts";
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
  readonly drawing: Drawing;
  readonly assumes: CandidateRow["assumes"];
}

/** What a forecast's steps are trained with. */
const SOFTWARE = { hasGraphs: true, overlaps: false } as const;

const WORST: Readonly<Record<Provenance, number>> = { fitted: 0, transferred: 1, peaks: 2 };

/** A candidate with all that it is simulated with, or why it cannot be. */
export function candidateFleet(candidate: Candidate, world: CapacityWorld): CandidateFleet | UnfitCandidate {
  const { forecast, kinds, catalog, prices, drawing, slower = 1, release = NEWEST } = world;
  const { accelerator: name, tenure, precision, slot, count, jobsAtOnce, policy } = candidate;
  const unfit = (why: UnfitCandidate["why"], detail: string): UnfitCandidate => ({ candidate, why, detail });
  const untrained = world.isTrainableOnly ? notTrained(candidate, catalog) : undefined;
  if (untrained !== undefined) return unfit("not trainable", untrained);
  const price = ownValue(prices.accelerators, name);
  if (price === undefined || !hasPrice(price, tenure)) return unfit("no price", `${name}: ${tenure}`);
  if (jobsAtOnce > 1 && plainSoftware(release) !== undefined)
    return unfit("unsupported", `${release} trains one job at a time`);
  try {
    const machine = stepMachine(name, catalog, { ...SOFTWARE, release, count: slot, precision });
    const times = SlotTimes.of(machine, jobsAtOnce, kinds);
    if (!(times instanceof SlotTimes)) return unfit("no room", times.noRoom);
    const trusts = kinds.map((_, kind) => times.trust(kind));
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
      ...{ candidate, drawing, fleet, spot, provenance: worst.provenance },
      kinds: kinds.map(({ kind }) => kind.name),
      assumes: stepAssumptions(machine),
      sigma: Math.max(...trusts.map(({ sigma }) => sigma)),
      tariff: { tenure, price, prices, watts: wattsOf(catalog, name, tenure) },
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
  /** Of arrivals, of the model's error and of interruptions, by which it is known how sure an answer is. */
  readonly drawing: Drawing;
  /** Of the software: one of those whose steps were published, or plain software; the newest if absent. */
  readonly release?: string;
  /** Candidates that loratwin itself cannot train with are left out. */
  readonly isTrainableOnly?: boolean;
  /** All steps take so many times as long as predicted. */
  readonly slower?: number;
}
