import { InputError, maximum, sum } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import {
  type Architecture,
  adapterParameters,
  type Dtype,
  isQuantized,
  type QuantizedDtype,
  type Recompute,
  refuseCompared,
} from "../../plan/index.ts";
import {
  type AskedLayout,
  compareLayouts,
  type LayoutComparison,
  type LayoutJob,
  type MachineChoice,
  type StepMachine,
  stepMachine,
} from "../../studies/index.ts";
import { loadCatalog } from "../load/load-cluster.ts";
import { refuseArrivals } from "../load/load-request.ts";
import { type LoadedWorkload, loadWorkload } from "../load/load-workload.ts";
import { trainingAlone } from "../load/training-alone.ts";

export interface LayoutsChoice extends Omit<MachineChoice, "quantized"> {
  /** A device of the catalog, and where it was given. */
  readonly accelerator: string;
  readonly acceleratorAt: string;
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
    const taken = Array.from(steps, (step) => step.map((row) => lengths[row]!));
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

/** @throws InputError for a row that is longer than the model's positions */
function checkRows(jobs: readonly LayoutJob[], architecture: Architecture): void {
  const most = architecture.maxPositions;
  const long = jobs.find(({ work }) => work.longestRow > most);
  if (long === undefined) return;
  throw new InputError({
    expected: `rows of at most ${most} tokens, the model's positions, in job ${long.name}`,
    got: long.work.longestRow,
    hint: "A lower cutoffLength cuts them.",
  });
}

/** How the base model's weights are kept, where products do not take them so. @throws InputError for two answers */
function quantizedOf({ dtype, precision }: LayoutsChoice, written: Dtype): QuantizedDtype | undefined {
  if (dtype !== undefined && precision !== "bfloat16")
    throw new InputError({
      expected: `--precision bfloat16 beside --dtype ${dtype}`,
      got: precision,
      hint: `With --precision ${precision} weights are kept as products take them.`,
    });
  const kept = dtype ?? written;
  return isQuantized(kept) && precision === "bfloat16" ? kept : undefined;
}

/**
 * @throws InputError for an accelerator or a release of which nobody can say how fast it trains, settings that contradict
 * each other or cannot be, and rows that the model does not take
 */
export async function layoutsOf(context: Context, file: string, choice: LayoutsChoice): Promise<ComparedLayouts> {
  const loaded = await context.during("reading data", (onRead) => loadWorkload(context, file, { onRead }));
  refuseArrivals(loaded);
  const { workload, architecture } = loaded;
  const { asked, recompute = workload.recompute } = choice;
  const { count, precision, release, hasGraphs, overlaps, virtualStages, drainAfter } = choice;
  const how = {
    ...{ count, precision, release, hasGraphs, overlaps, virtualStages, drainAfter },
    quantized: quantizedOf(choice, workload.model.dtype),
  };
  const machine = stepMachine(choice.accelerator, loadCatalog(context, choice.catalog), how, choice.acceleratorAt);
  for (const remark of loaded.remarks) context.note(remark);
  for (const warning of loaded.warnings) context.warn(warning);
  refuseCompared(loaded.workload.jobs, "layouts of other software");
  trainingAlone(context, { jobs: workload.jobs, rows: loaded.rows });
  const jobs = layoutJobs(loaded);
  checkRows(jobs, architecture);
  // More than all rows of a step are no more than these.
  const most = sum(jobs.map(({ work }) => maximum(work.steps.map(sum))));
  const layers = { none: 0, layer: architecture.numLayers, auto: undefined }[recompute];
  const settings = {
    ...asked,
    ...(asked.microTokens === undefined ? {} : { microTokens: Math.min(asked.microTokens, most) }),
    ...(layers === undefined ? {} : { recomputedLayers: layers }),
  };
  return {
    ...{ machine, asked: settings, jobs, comparison: compareLayouts(machine, jobs, settings) },
    tokens: sum(jobs.flatMap(({ work }) => work.steps.map(sum))),
  };
}
