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

/** What failures of the best machines cost; null where nobody says how often they fail, or they come and go. */
export function failuresOf(best: JudgedCandidate, world: CapacityWorld, input: JudgeInput): CapacityFailures | null {
  const { candidate, tariff } = best;
  const { price } = tariff;
  const { failures } = price;
  if (failures === undefined || (candidate.tenure !== "buy" && candidate.tenure !== "reserved")) return null;
  const { soldIn } = price;
  const machines = soldCount(candidate.count, price) / soldIn;
  const share = downShare(failures);
  // None fails while it is repaired.
  const failuresPerYear = machines * (1 - share) * failures.perYear;
  const late = lateAt(best, world, input);
  const { total } = meanParts(best);
  const used = mean(best.draws.map(({ utilisation }) => utilisation));
  const busyHours = used * candidate.count * input.hours;
  const hours = best.kinds.flatMap((_, kind) => jobHours(best, input, kind));
  const lostAcceleratorHours = used * Math.min(soldIn, candidate.count) * lostHours(hours);
  const lostCost = busyHours === 0 ? 0 : (lostAcceleratorHours * total) / busyHours;
  const idle = idleCost(candidate, price, world.prices, failures.repairHours);
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
    ...{ lostAcceleratorHours, lostCost, idleCost: idle },
    costPerYear: failuresPerYear * (lostCost + idle),
    spares,
    needed: spares.find(({ isEnough }) => isEnough)?.spares ?? null,
  };
}
