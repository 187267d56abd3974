import type {
  ApartAnswer,
  CandidateRow,
  CapacityAnswer,
  CapacityFailures,
  CapacityHeadroom,
  CapacityInterruptions,
  CapacityMoney,
  Flip,
} from "../../../plan/index.ts";
import { blank, type FieldTable, optional, owner, under } from "./check-fields.ts";
import { above, all, is, matches, oneOf, that, whole, within } from "./checks.ts";

const SEVERAL = "there may be none of it";

const candidateFields: FieldTable = {
  accelerator: oneOf(["H100 SXM", "L40S", "MI300X", "RTX 4090"]),
  count: whole(1, 64),
  slot: whole(1, 8),
  precision: oneOf(["bfloat16", "float8"]),
  jobsAtOnce: oneOf([1, 4]),
  policy: is("fifo"),
  tenure: oneOf(["buy", "reserved", "on-demand", "spot"]),
};

/** In order, about a middle. */
const spreadFields: FieldTable = {
  mean: that("between low and high", (value: number, place) => {
    const { low, high } = owner<{ readonly low: number; readonly high: number }>(place);
    return value >= low * 0.99 && value <= high * 1.01;
  }),
  low: above(0),
  high: above(0),
};

const suretyFields: FieldTable = {
  keptAtLeast: blank(
    "none may keep the level",
    that("below the share", (value: number, place) => {
      const { kept, draws } = owner<CandidateRow>(place);
      return value <= kept / draws;
    }),
  ),
  keptAtMost: that("above the share", (value: number, place) => {
    const { kept, draws } = owner<CandidateRow>(place);
    return value >= kept / draws && value <= 1;
  }),
  isSure: blank(
    "a few draws say too little",
    that("whether a bound says so", (value: boolean, place) => {
      const { keptAtLeast, keptAtMost } = owner<CandidateRow>(place);
      return value === (keptAtLeast >= 0.75 || keptAtMost < 0.75);
    }),
  ),
};

const rowFields = (draws: number): FieldTable => ({
  ...under("candidate.", candidateFields),
  paidCount: that("whole machines", (value: number, place) => {
    const { candidate } = owner<CandidateRow>(place);
    const soldIn = { "H100 SXM": 8, MI300X: 4 }[candidate.accelerator] ?? 1;
    return value === soldIn * Math.ceil(candidate.count / soldIn);
  }),
  notTrained: blank(
    "loratwin can train with it",
    that("CUDA in 16 bits alone", (value: string, place) => {
      const { candidate } = owner<CandidateRow>(place);
      return (
        value.includes("simulated only") &&
        (candidate.precision !== "bfloat16" || value.includes(candidate.accelerator))
      );
    }),
  ),
  kept: blank("none may keep the level", whole(0, draws)),
  draws: whole(1, draws),
  ...suretyFields,
  isOnFront: blank("others may cost the same and be sooner", oneOf([true, false])),
  ...under("cost.", {
    ...spreadFields,
    // Either bought, with power, or rented; together they are the whole.
    hardware: blank("rented", within(0, 1e6)),
    energy: blank("rented", within(0, 1e6)),
    rent: blank(
      "bought",
      that("what is left of the whole", (value: number, place) => {
        const { mean, hardware, energy } = owner<CandidateRow["cost"]>(place);
        return Math.abs(mean - hardware - energy - value) < 1e-6 * mean;
      }),
    ),
  }),
  // Some hundred to some hundred thousand hours of a kilowatt each.
  kilowattHours: above(1, 1e6),
  ...under("levels[].", {
    ...spreadFields,
    "kinds[]": oneOf(["small", "large"]),
    percent: is(90),
    levelHours: oneOf([0.043, 5]),
  }),
  utilisation: above(0, 2),
  holds: oneOf(["training", "queue"]),
  ...under("layouts[].", {
    kind: oneOf(["small", "large"]),
    tensorParallel: oneOf([1, 2, 4, 8]),
    contextParallel: oneOf([1, 2, 4, 8]),
    contextExchange: oneOf(["all-to-all", "ring"]),
    pipelineParallel: oneOf([1, 2, 4, 8]),
    dataParallel: that("the rest of the slot", (value: number, place) => {
      const { tensorParallel, contextParallel, pipelineParallel } = owner<CandidateRow["layouts"][number]>(place);
      const all = value * tensorParallel * contextParallel * pipelineParallel;
      return all === owner<CandidateRow>(place, 2).candidate.slot;
    }),
    sharded: oneOf(["state", "weights"]),
    recomputedLayers: blank("there may be room for all", within(0, 80)),
    microTokens: within(1024, 8 * 16_384),
    stepSeconds: above(0.01, 60),
    memoryShare: above(0.05, 1),
    "shares.products": within(0.1, 0.99),
    "shares.attention": within(0.001, 0.5),
    "shares.memory": within(0.001, 0.8),
    "shares.link": within(0.0001, 0.8),
    "shares.rest": that("what is left of the whole", (value: number, place) => {
      const { products, attention, memory, link } = owner<CandidateRow["layouts"][number]["shares"]>(place);
      return Math.abs(1 - products - attention - memory - link - value) < 1e-9;
    }),
  }),
  checkpointSeconds: blank("for spot alone", (value, place) =>
    owner<CandidateRow>(place).candidate.tenure === "spot" ? above(60, 86_400)(value, place) : is(null)(value, place),
  ),
  provenance: oneOf(["fitted", "transferred", "peaks"]),
  sigma: within(0.03, 0.3),
  "assumes.device": matches(/85 published ones of 11 types/),
  "assumes.software": matches(/^as fast as /),
  "assumes.kernels": matches(/recorded as graphs; not loratwin's own$/),
});

/** All fields of a row that need not be there. */
function perhaps(prefix: string, table: FieldTable): FieldTable {
  return Object.fromEntries(
    Object.entries(under(prefix, table)).map(([path, field]) => [path, optional(SEVERAL, field)]),
  );
}

/** Of pools, the whole: costs of draws are sums, so that means are. */
const sumOfPools = (up: number, of: (row: CandidateRow) => number) =>
  that("the sum of the pools", (value: number, place) => {
    const { pools } = owner<ApartAnswer>(place, up);
    const whole = pools.reduce((sum, { best }) => sum + of(best), 0);
    return Math.abs(value - whole) < 1e-9 * whole;
  });

const cents = that("whole cents", (value: number) => Math.abs(100 * value - Math.round(100 * value)) < 1e-4);
type Way = CapacityMoney["ways"][number];

const moneyFields: FieldTable = {
  termMonths: is(60),
  interestCost: blank("rented", within(0, 1e4)),
  ...under("ways[].", {
    tenure: oneOf(["buy", "reserved", "on-demand", "spot"]),
    meets: oneOf([true, false]),
    upFront: all(cents, within(0, 1e7)),
    monthly: all(cents, within(0, 1e6)),
    total: that("the sum of all payments", (value: number, place) => {
      const paid = owner<Way>(place).months.reduce((sum, month) => sum + Math.round(100 * month.paid), 0);
      return Math.round(100 * value) === paid;
    }),
    presentValue: all(
      cents,
      that("less than the total", (value: number, place) => value <= owner<Way>(place).total),
    ),
    breakEvenMonth: blank("bought, or cheaper for ever", (value, place) => {
      const { tenure } = owner<Way>(place);
      return tenure === "buy" ? is(null)(value, place) : value === null ? undefined : whole(1, 48)(value, place);
    }),
    "months[].month": whole(0, 60),
    // Less than nothing where machines are sold.
    "months[].paid": all(cents, within(-1e6, 1e7)),
    "months[].all": that("paid until then", (value: number, place) => {
      const [{ month }, months] = [owner<Way["months"][number]>(place), owner<Way["months"]>(place, 1)];
      const paid = months.slice(0, month + 1).reduce((sum, each) => sum + Math.round(100 * each.paid), 0);
      return Math.round(100 * value) === paid;
    }),
  }),
  ...under("jobs[].", {
    kind: oneOf(["small", "large"]),
    jobs: above(1, 1000),
    cost: above(0, 1000),
  }),
};

const failuresFields: FieldTable = {
  machines: whole(1, 64),
  failuresPerYear: that("two of each, but while it is away", (value: number, place) => {
    const { machines } = owner<CapacityFailures>(place);
    return Math.abs(value / (2 * machines) - 8766 / (8766 + 96)) < 1e-9;
  }),
  downHoursPerYear: that("48 for each failure", (value: number, place) => {
    const { failuresPerYear } = owner<CapacityFailures>(place);
    return Math.abs(value - 48 * failuresPerYear) < 1e-6;
  }),
  lostAcceleratorHours: above(0, 100),
  lostCost: above(0, 1000),
  idleCost: blank("rented", within(0, 1e4)),
  repairCost: blank("rented, or no bill is known", oneOf([0, 450])),
  costPerYear: that("of all failures", (value: number, place) => {
    const { failuresPerYear, lostCost, repairCost } = owner<CapacityFailures>(place);
    return Math.abs(value - failuresPerYear * (lostCost + repairCost)) < 1e-6;
  }),
  ...under("spares[].", {
    spares: whole(0, 3),
    costPerYear: that("as many times one", (value: number, place) => {
      const [{ spares }, all] = [
        owner<CapacityFailures["spares"][number]>(place),
        owner<CapacityFailures["spares"]>(place, 1),
      ];
      return Math.abs(value - spares * all[1]!.costPerYear) < 1e-6 && all[1]!.costPerYear > 0;
    }),
    shortHoursPerYear: within(0, 8766),
    "late[]": blank("perhaps none", within(0, 1)),
    isEnough: that("whether it is what the levels allow", (value: boolean, place) => {
      const { late } = owner<CapacityFailures["spares"][number]>(place);
      return value === late.every((share) => share <= 0.1);
    }),
  }),
  needed: blank("none", (value, place) => {
    const { spares } = owner<CapacityFailures>(place);
    return is(spares.find(({ isEnough }) => isEnough)?.spares ?? null)(value, place);
  }),
};

/** Of machines that are rented on demand, which others take the place of. */
const rentedFailuresFields: FieldTable = {
  ...Object.fromEntries(Object.entries(failuresFields).filter(([path]) => !path.startsWith("spares"))),
  failuresPerYear: that("at most two of each machine", (value: number, place) => {
    const { machines } = owner<CapacityFailures>(place);
    return value > 0 && value <= 2 * machines;
  }),
  spares: blank("another one takes its place", is([])),
  downHoursPerYear: blank("another one takes its place", is(0)),
  needed: blank("another one takes its place", is(0)),
};

const interruptionsFields: FieldTable = {
  count: above(0, 1e5),
  secondsEach: above(20, 86_400),
  costEach: above(0, 1000),
  cost: that("of all", (value: number, place) => {
    const { count, costEach } = owner<CapacityInterruptions>(place);
    return Math.abs(value - count * costEach) < 1e-6;
  }),
};

const headroomFields: FieldTable = {
  kept: oneOf([1, 1.1, 1.25, 1.5, 2, 3]),
  missed: blank("no number of jobs may be too many", (value, place) => {
    const { kept } = owner<CapacityHeadroom>(place);
    return value === null ? is(3)(kept, place) : above(kept, 3)(value, place);
  }),
  draws: is(4),
  months: blank("the forecast has no growth", is(null)),
};

/** What `capacity --json` prints. */
export function capacityFields(answer: CapacityAnswer, draws: number): FieldTable {
  const row = rowFields(draws);
  return {
    ...under("best.", row),
    ...under("runnerUp.", row),
    ...(answer.fewer === null ? { fewer: blank("it has one slot", is(null)) } : perhaps("fewer.", row)),
    ...perhaps("more.", row),
    ...perhaps("otherSharing.", row),
    ...under("apart.", {
      "pools[].kinds[]": oneOf(["small", "large"]),
      ...under("pools[].best.", row),
      kept: whole(3, draws),
      draws: is(draws),
      ...suretyFields,
      "cost.mean": sumOfPools(1, ({ cost }) => cost.mean),
      "cost.low": above(0),
      "cost.high": above(0),
      kilowattHours: sumOfPools(0, ({ kilowattHours }) => kilowattHours),
    }),
    ...under("meets[].", row),
    ...perhaps("misses[].", row),
    ...under("pruned[].", {
      ...under("candidate.", candidateFields),
      why: oneOf(["cannot keep the level", "comes behind"]),
      least: all(above(0), (value, place) => {
        const { why } = owner<CapacityAnswer["pruned"][number]>(place);
        return why === "cannot keep the level" ? undefined : above(answer.best!.cost.mean)(value, place);
      }),
    }),
    ...under("unfit[].", {
      ...under("candidate.", candidateFields),
      why: oneOf(["no room", "no price", "unsupported"]),
      detail: matches(/^(small|large|[A-Z0-9 ]+: [a-z-]+)$/),
    }),
    ...under("flips[].", {
      what: matches(/ (jobs|jobs again|long again|shorter|deviation|dearer|cheaper|level)$/),
      candidate: that("one, or none", (value) => value === null || typeof value === "object"),
      ...under("candidate.", candidateFields),
      cost: that("something, or nothing", (value: number | null) => value === null || value > 0),
      isOther: that("whether it is another one", (value: boolean, place) => {
        const { candidate } = owner<Flip>(place);
        return value === (JSON.stringify(candidate) !== JSON.stringify(answer.best!.candidate));
      }),
    }),
    "week.waiting[]": blank("at night nobody waits", within(0, 1000)),
    "week.busy[]": blank("at night nobody trains", within(0, 1)),
    ...under("money.", moneyFields),
    ...(answer.failures === null
      ? { failures: blank("on spot, or nobody says", is(null)) }
      : under("failures.", answer.best!.candidate.tenure === "on-demand" ? rentedFailuresFields : failuresFields)),
    ...(answer.interruptions === null
      ? { interruptions: blank("not on spot", is(null)) }
      : under("interruptions.", interruptionsFields)),
    ...under("headroom.", headroomFields),
    forecast: that("what was asked", (value: CapacityAnswer["forecast"]) => value.kinds[0]!.perDay === 60),
    prices: that("what was given", (value: CapacityAnswer["prices"]) => value.perKilowattHour === 0.2),
    kind: is("capacity-answer"),
    version: is(1),
    objective: is("cost"),
    currency: is("EUR"),
    pricesOf: is("2026-11-20"),
    days: is(3),
    draws: is(draws),
    seed: blank("the first seed", is(0)),
    confidence: is(0.95),
    probability: is(0.75),
  };
}
