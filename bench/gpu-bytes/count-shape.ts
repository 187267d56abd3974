import { DeviceError, maximum } from "../../core/index.ts";
import { COUNTS, type Count, type CountedStep, countStep, countsOf, type KernelCounts } from "./counted-step.ts";
import { fitTerms } from "./extrapolate.ts";
import { extentOf, HEAD_LOOPS, LAUNCH_TERMS, LOOPS } from "./loops.ts";
import { type Emulated, headSizes, widthSizes } from "./sizes.ts";

type Loops = Readonly<Record<string, readonly string[]>>;

const known = new Map<string, Promise<KernelCounts>>();

/** Counted once in this process: shapes share sizes. */
function countOnce(step: CountedStep): Promise<KernelCounts> {
  const key = JSON.stringify(step);
  const counts = known.get(key) ?? countStep(step);
  known.set(key, counts);
  return counts;
}

/** At most two at a time. */
async function countAll(steps: readonly CountedStep[]): Promise<readonly KernelCounts[]> {
  const counted: KernelCounts[] = [];
  const waiting = [...steps.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, step] = next;
      counted[index] = await countOnce(step);
    }
  };
  // The first alone: it may have to build the addon.
  await countOnce(steps[0]!);
  await Promise.all([work(), work()]);
  return counted;
}

/** Kernels that move less than this are left out of the error: most of what they read is tables. */
const WORTH_COUNTING = 1e5;

async function extrapolate(
  loops: Loops,
  launches: readonly string[],
  emulated: Emulated,
  wanted: readonly CountedStep[],
) {
  const counted = await countAll([...emulated.fitted, emulated.heldOut]);
  const heldOut = counted.at(-1)!;
  for (const kernel of Object.keys(heldOut)) {
    if (kernel in LOOPS || kernel in HEAD_LOOPS) continue;
    throw new DeviceError({
      expected: "the loops of each kernel",
      at: "bench/gpu-bytes/loops.ts",
      got: `none of ${kernel}`,
    });
  }
  const predictor = (kernel: string, count: Count) => {
    const samples = emulated.fitted.map((step, index) => {
      return { extent: extentOf(step), value: counted[index]![kernel]?.[count] ?? 0 };
    });
    return fitTerms(count === "launches" ? launches : loops[kernel]!, samples, `${kernel}, ${count}`);
  };
  const errors: number[] = [];
  const results = wanted.map((): Record<string, KernelCounts[string]> => ({}));
  for (const kernel of Object.keys(loops)) {
    const predict = Object.fromEntries(COUNTS.map((count) => [count, predictor(kernel, count)]));
    for (const [index, step] of wanted.entries())
      results[index]![kernel] = countsOf((count) => predict[count]!(extentOf(step)));
    for (const count of COUNTS) {
      const value = heldOut[kernel]?.[count] ?? 0;
      const error = Math.abs(predict[count]!(extentOf(emulated.heldOut)) - value);
      if (value > WORTH_COUNTING || (count === "launches" && error > 0)) errors.push(error / value);
    }
  }
  return { results, error: maximum(errors) };
}

export interface ShapeCounts {
  /** Of the whole step, and of a layer of it that is not the first. */
  readonly step: KernelCounts;
  readonly layer: KernelCounts;
  /** Largest |predicted / counted - 1| of any kernel's bytes, cycles and products at sizes that were not fitted. */
  readonly heldOutError: number;
}

/** What each kernel of a step moves, from steps of other sizes that are emulated. @throws DeviceError */
export async function countShape(shape: CountedStep): Promise<ShapeCounts> {
  const { model } = shape;
  const wanted = [shape, { ...shape, model: { ...model, layers: model.layers - 1 } }];
  const wide = await extrapolate(LOOPS, LAUNCH_TERMS, widthSizes(shape), wanted);
  const heads = await extrapolate(HEAD_LOOPS, ["layers"], headSizes(shape), wanted);
  const [step, without] = wanted.map((_, index): KernelCounts => ({ ...wide.results[index], ...heads.results[index] }));
  return {
    step: step!,
    layer: Object.fromEntries(
      Object.entries(step!).map(([kernel, counts]) => [
        kernel,
        countsOf((count) => counts[count] - without![kernel]![count]),
      ]),
    ),
    heldOutError: Math.max(wide.error, heads.error),
  };
}
