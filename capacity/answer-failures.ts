import { mean, sum } from "../core/index.ts";
import type { CapacityFailures } from "../plan/index.ts";
import { jobHours, meanParts } from "./answer-money.ts";
import { type CapacityWorld, candidateFleet } from "./candidate-fleet.ts";
import { downChances, downShare, idleCost, lateWith, lostHours, meanLate, slotsLeft } from "./failures.ts";
import { type JudgedCandidate, type JudgeInput, judgeAll } from "./judge-candidate.ts";
import { costOf, HOURS_PER_YEAR, soldCount } from "./money.ts";

/** Machines that are down at once, and spare ones, that are looked at. */
const MOST = 3;

/** Jobs that are late on average where none, one, two ... machines are down, by group; as far as a slot is left. */
function lateAt(best: JudgedCandidate, world: CapacityWorld, input: JudgeInput): readonly (readonly number[])[] {
  const { candidate, tariff } = best;
  const all = [meanLate(best.draws)];
  for (let down = 1; down <= MOST; down += 1) {
    const slots = slotsLeft(candidate, tariff.price, down);
    const known = slots === 0 ? undefined : candidateFleet({ ...candidate, count: slots * candidate.slot }, world);
    if (known === undefined || !("fleet" in known)) break;
    all.push(meanLate(judgeAll(known, input).draws));
  }
  return all;
}

/** What is trained again after a failure, where so many accelerators of a machine train at once. */
function lostBy(best: JudgedCandidate, input: JudgeInput, training: number) {
  const used = mean(best.draws.map(({ utilisation }) => utilisation));
  const busyHours = used * best.candidate.count * input.hours;
  const hours = best.kinds.flatMap((_, kind) => jobHours(best, input, kind));
  const lostAcceleratorHours = training * lostHours(hours);
  return {
    lostAcceleratorHours,
    lostCost: busyHours === 0 ? 0 : (lostAcceleratorHours * meanParts(best).total) / busyHours,
  };
}

/** Machines that are rented by the hour are replaced by whoever rents them out: what was trained on them is lost. */
function rentedFailures(best: JudgedCandidate, input: JudgeInput, perYear: number): CapacityFailures {
  const { candidate, tariff } = best;
  const { price } = tariff;
  const rentedHours = meanParts(best).rent / price.onDemandPerHour!;
  // A machine that is rented trains.
  const lost = lostBy(best, input, candidate.slot);
  const failuresPerYear = (perYear * rentedHours) / price.soldIn / input.hours;
  return {
    machines: soldCount(candidate.count, price) / price.soldIn,
    ...{ failuresPerYear, downHoursPerYear: 0, ...lost, idleCost: 0, repairCost: 0 },
    costPerYear: failuresPerYear * lost.lostCost,
    spares: [],
    needed: 0,
  };
}

/** What failures of the best machines cost; null where nobody says how often they fail, and on spot. */
export function failuresOf(best: JudgedCandidate, world: CapacityWorld, input: JudgeInput): CapacityFailures | null {
  const { candidate, tariff } = best;
  const { price } = tariff;
  const { failures } = price;
  // On spot they are among interruptions.
  if (failures === undefined || candidate.tenure === "spot") return null;
  if (candidate.tenure === "on-demand") return rentedFailures(best, input, failures.perYear);
  const { soldIn } = price;
  const machines = soldCount(candidate.count, price) / soldIn;
  const share = downShare(failures);
  // None fails while it is repaired.
  const failuresPerYear = machines * (1 - share) * failures.perYear;
  const late = lateAt(best, world, input);
  const used = mean(best.draws.map(({ utilisation }) => utilisation));
  const lost = lostBy(best, input, used * Math.min(soldIn, candidate.count));
  const idle = idleCost(candidate, price, world.prices, failures.repairHours);
  const repairCost = candidate.tenure === "buy" ? failures.repairCost : 0;
  // A spare machine is paid for as the others are, and trains nothing.
  const spare = costOf(tariff, { all: soldIn * HOURS_PER_YEAR, busy: 0, rented: 0 }).total;
  const spares = Array.from({ length: MOST + 1 }, (_, count) => {
    const chances = downChances(machines + count, share);
    const own = lateWith(count, machines, share, late);
    return {
      spares: count,
      costPerYear: count * spare,
      shortHoursPerYear: HOURS_PER_YEAR * sum(chances.slice(count + 1)),
      late: [...own],
      isEnough: input.groups.every(({ level }, group) => own[group]! <= 1 - level.percent / 100 + 1e-9),
    };
  });
  return {
    machines,
    failuresPerYear,
    downHoursPerYear: machines * share * HOURS_PER_YEAR,
    ...{ ...lost, idleCost: idle, repairCost },
    // What stands idle is paid for anyway.
    costPerYear: failuresPerYear * (lost.lostCost + repairCost),
    spares,
    needed: spares.find(({ isEnough }) => isEnough)?.spares ?? null,
  };
}
