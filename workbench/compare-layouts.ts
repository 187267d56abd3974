import { maximum, sum } from "../core/index.ts";
import { adapterParameters } from "../plan/index.ts";
import {
  compareLayouts,
  type LayoutComparison,
  type LayoutJob,
  type ProductPrecision,
  type StepMachine,
  stepMachine,
} from "../studies/index.ts";
import type { Context } from "./context.ts";
import { loadCatalog } from "./load-cluster.ts";
import { refuseArrivals } from "./load-request.ts";
import { type LoadedWorkload, loadWorkload } from "./load-workload.ts";

export interface LayoutsChoice {
  /** A device of the catalog, and how many of it. */
  readonly accelerator: string;
  readonly count: number;
  readonly precision: ProductPrecision;
  readonly release: string;
  readonly hasGraphs: boolean;
  readonly overlaps: boolean;
  readonly catalog: string | undefined;
}

/** Every way in which accelerators can share the steps of a workload, and how far its times can be trusted. */
export interface ComparedLayouts {
  readonly machine: StepMachine;
  readonly jobs: readonly LayoutJob[];
  readonly tokens: number;
  readonly comparison: LayoutComparison;
}

function layoutJobs({ workload, architecture, rows }: LoadedWorkload): readonly LayoutJob[] {
  const whole = { firstLayer: 0, endLayer: architecture.numLayers };
  return workload.jobs.map(({ name, adapter }, job) => {
    const { tokens: lengths, steps } = rows[job]!;
    const taken = steps.map((step) => step.map((row) => lengths[row]!));
    return {
      name,
      work: {
        architecture,
        trainedParameters: adapterParameters(architecture, whole, { adapter }),
        targets: adapter.targets,
        steps: taken,
        longestRow: maximum(taken.map(maximum)),
      },
    };
  });
}

/** @throws InputError for an accelerator or a release of which nobody can say how fast it trains */
export async function layoutsOf(context: Context, file: string, choice: LayoutsChoice): Promise<ComparedLayouts> {
  const machine = stepMachine(choice.accelerator, loadCatalog(context, choice.catalog), choice);
  const loaded = await context.stage("reading data", () => loadWorkload(context, file));
  refuseArrivals(loaded);
  for (const remark of loaded.remarks) context.note(remark);
  for (const warning of loaded.warnings) context.warn(warning);
  const jobs = layoutJobs(loaded);
  return {
    ...{ machine, jobs, comparison: compareLayouts(machine, jobs) },
    tokens: sum(jobs.flatMap(({ work }) => work.steps.map(sum))),
  };
}
