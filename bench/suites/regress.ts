import { groupBy } from "../../core/index.ts";
import type { Measurement } from "../measurement.ts";
import { FAULTS } from "../planted/faults.ts";
import type { PlantedFault, Refactor } from "../planted/planted-change.ts";
import { isCaught, Planting } from "../planted/planting.ts";
import { REFACTORS } from "../planted/refactors.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";

/** How many faults and refactors are planted, and whether refactors are looked at with all golden workloads. */
const SIZES: Readonly<Record<Scale, { readonly isWhole: boolean; readonly most: number }>> = {
  full: { isWhole: true, most: Number.POSITIVE_INFINITY },
  default: { isWhole: false, most: 20 },
  quick: { isWhole: false, most: 6 },
  tiny: { isWhole: false, most: 1 },
};

function count(name: string, parameters: Measurement["parameters"], value: number): Measurement {
  return { name, parameters, value, unit: "share", repetitions: 1, spread: null };
}

/** One clone serves all cases of a process. */
let shared: Planting | undefined;

function planting(): Planting {
  if (shared === undefined) {
    const own = new Planting();
    process.once("exit", () => own.remove());
    shared = own;
  }
  return shared;
}

async function plantFault({ record, note }: Bench, fault: PlantedFault): Promise<void> {
  const { area, name, caughtBy } = fault;
  const { isBlocked, hasCause, verdict = "none", why } = isCaught(await planting().sayOf(fault), fault);
  if (!isBlocked || !hasCause) note(`${name}: ${verdict} ${why.join("; ")}`);
  const parameters = { area, fault: name, "golden workload": caughtBy, verdict };
  record(count("blocked", parameters, isBlocked ? 1 : 0));
  record(count("cause named", parameters, hasCause ? 1 : 0));
}

async function plantRefactor({ scale, record, note }: Bench, { name, changes }: Refactor): Promise<void> {
  const names = SIZES[scale].isWhole ? undefined : ["lorapp", "slow-network", "fifo", "priority"];
  const { goldens } = await planting().say(changes, names);
  const moved = goldens.filter(({ verdict }) => verdict !== "same" && verdict !== "unable");
  for (const golden of moved) note(`${name}: ${golden.name} ${golden.verdict} ${golden.why.join("; ")}`);
  record(count("said of golden workloads", { area: "refactors", refactor: name }, moved.length));
}

/** As many of each area as there is time for. */
function someOfEach(faults: readonly PlantedFault[], most: number): readonly PlantedFault[] {
  if (most === Number.POSITIVE_INFINITY) return faults;
  return [...groupBy(faults, ({ area }) => area).values()].map(([first]) => first!).slice(0, most);
}

export const regress: Suite = {
  describe:
    "faults planted into planner, scheduler, simulator and executor that `regress` blocks, and refactors that it does not",
  cases({ scale }): readonly Case[] {
    const { most, isWhole } = SIZES[scale];
    return [
      ...someOfEach(FAULTS, most).map((fault) => ({
        name: `${fault.area}: ${fault.name}`,
        seconds: fault.isExecuted ? 120 : 15,
        run: async (bench: Bench) => await plantFault(bench, fault),
      })),
      ...REFACTORS.slice(0, most).map((refactor) => ({
        name: `refactor: ${refactor.name}`,
        seconds: isWhole ? 60 : 15,
        run: async (bench: Bench) => await plantRefactor(bench, refactor),
      })),
    ];
  },
};
