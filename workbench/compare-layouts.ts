import { maximum, sum } from "../core/index.ts";
import { adapterParameters, type Dtype, isQuantized, type Recompute } from "../plan/index.ts";
import {
  type AskedLayout,
  compareLayouts,
  type LayoutComparison,
  type LayoutJob,
  type MachineChoice,
  type StepMachine,
  stepMachine,
} from "../studies/index.ts";
import type { Context } from "./context.ts";
import { loadCatalog } from "./load-cluster.ts";
import { refuseArrivals } from "./load-request.ts";
import { type LoadedWorkload, loadWorkload } from "./load-workload.ts";

export interface LayoutsChoice extends Omit<MachineChoice, "quantized"> {
  /** A device of the catalog. */
  readonly accelerator: string;
  readonly catalog: string | undefined;
  /** Over the workload's. */
  readonly dtype: Dtype | undefined;
  readonly recompute: Recompute | undefined;
  /** The rest of what is given of layouts. */
  readonly asked: Omit<AskedLayout, "recomputedLayers">;
}

/** Every way in which accelerators can share the steps of a workload, and how far its times can be trusted. */
export interface ComparedLayouts {
  readonly machine: StepMachine;
  readonly asked: AskedLayout;
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
  const loaded = await context.stage("reading data", () => loadWorkload(context, file));
  refuseArrivals(loaded);
  const { workload, architecture } = loaded;
  const { dtype = workload.model.dtype, recompute = workload.recompute, asked } = choice;
  const { count, precision, release, hasGraphs, overlaps, virtualStages, drainAfter } = choice;
  const quantized = isQuantized(dtype) && precision === "bfloat16" ? dtype : undefined;
  const machine = stepMachine(choice.accelerator, loadCatalog(context, choice.catalog), {
    ...{ count, precision, release, hasGraphs, overlaps, virtualStages, drainAfter, quantized },
  });
  const layers = { none: 0, layer: architecture.numLayers, auto: undefined }[recompute];
  const settings = { ...asked, ...(layers === undefined ? {} : { recomputedLayers: layers }) };
  for (const remark of loaded.remarks) context.note(remark);
  for (const warning of loaded.warnings) context.warn(warning);
  const jobs = layoutJobs(loaded);
  return {
    ...{ machine, asked: settings, jobs, comparison: compareLayouts(machine, jobs, settings) },
    tokens: sum(jobs.flatMap(({ work }) => work.steps.map(sum))),
  };
}
