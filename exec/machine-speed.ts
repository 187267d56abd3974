import { median, quantile, sum } from "../core/index.ts";
import {
  type Completion,
  createRuntime,
  type Device,
  type Handle,
  multipliesBfloat16,
  nativeInfo,
  type Operator,
} from "../native/index.ts";
import type { DeviceProbe, Rate, ResolvedDevice } from "../plan/index.ts";
import { optionsOfDevices } from "./assign-devices.ts";

/** The fixed work of a probe. */
interface Work {
  /** Of a product [rows, width] x [width, width]. */
  readonly rows: number;
  readonly width: number;
  /** Of a copy from one place to another: more than a core's share of the last cache. */
  readonly copiedBytes: number;
}

const WORK: Readonly<Record<"cpu" | "cuda" | "emulated", Work>> = {
  cpu: { rows: 256, width: 1024, copiedBytes: 2 ** 25 },
  cuda: { rows: 4096, width: 4096, copiedBytes: 2 ** 26 },
  // It computes one number after another: a GPU's products would take it minutes.
  emulated: { rows: 16, width: 64, copiedBytes: 2 ** 16 },
};

/** Seconds that each of the three parts of a probe takes, and how often it is at least repeated. */
const PART_SECONDS = 0.07;
const FEWEST_REPEATS = 5;
const MOST_REPEATS = 400;
/** Long rows: a copy has few of them. */
const COPY_COLUMNS = 2 ** 14;

type Part = "float32" | "bfloat16" | "memory";

/** One part of the probe on one device. */
interface Program {
  readonly part: Part;
  readonly handle: Handle;
  readonly rows: number;
  /** FLOP of a product, bytes read and written by a copy. */
  readonly amount: number;
}

function gpuOf({ name }: ResolvedDevice) {
  return nativeInfo().cuda.devices[Number(/\d+/.exec(name)?.[0])];
}

/** The emulation's devices have this name (native/src/cuda/driver_emulated.cc). */
function workOf(device: ResolvedDevice): Work {
  if (device.kind !== "cuda") return WORK.cpu;
  return gpuOf(device)?.name === "emulated GPU" ? WORK.emulated : WORK.cuda;
}

/** Bfloat16 products on units of their own: of GPUs, all since compute capability 8 (CUDA C++ Programming Guide, 17). */
function hasBfloat16(device: ResolvedDevice): boolean {
  if (device.kind !== "cuda") return multipliesBfloat16();
  return Number(gpuOf(device)?.computeCapability) >= 8;
}

function programsOf(device: Device, { rows, width, copiedBytes }: Work, bfloat16: boolean): readonly Program[] {
  const half = copiedBytes;
  device.reserveArena(2 * half);
  const [x, y] = [{ space: "in", offset: 0 } as const, { space: "out", offset: 0 } as const];
  const data = new Float32Array(width * width).fill(1 / width);
  const product = (dtype: "float32" | "bfloat16"): Program => {
    const weight = device.loadMatrix({ name: dtype, out: width, in: width, data, dtype, backward: false });
    const operator: Operator = { op: "matmul", dtype, x, ldx: width, weight, y, ldy: width };
    return { part: dtype, handle: device.createProgram([operator]), rows, amount: 2 * rows * width * width };
  };
  const copied = half / (4 * COPY_COLUMNS);
  const copy: Program = {
    part: "memory",
    handle: device.createProgram([{ op: "copy", x, y, columns: COPY_COLUMNS }]),
    rows: copied,
    amount: 2 * half,
  };
  return [product("float32"), ...(bfloat16 ? [product("bfloat16")] : []), copy];
}

/** Seconds in which a task had its cores. */
function ownSeconds({ startNs, endNs, interruptedNs = 0 }: Completion): number {
  return Math.max(1, endNs - startNs - interruptedNs) / 1e9;
}

function rateOf(amount: number, done: readonly Completion[]): Rate {
  const rates = done.map((each) => amount / ownSeconds(each));
  const middle = median(rates);
  return { perSecond: middle, scatter: (quantile(rates, 0.75) - quantile(rates, 0.25)) / middle };
}

/** Measures how fast devices are, as often as it is asked to. */
export interface SpeedProbe extends Disposable {
  /** Of all devices at once, as they are in a run, or of those with these indices. */
  measure(devices?: readonly number[]): Promise<readonly DeviceProbe[]>;
}

/**
 * Threads, operators and cores as training has them, on devices of their own: what a run holds stays what its plan
 * says.
 * @throws DeviceError as a run of these devices would.
 */
export function createSpeedProbe(devices: readonly ResolvedDevice[]): SpeedProbe {
  const runtime = createRuntime();
  const probed = optionsOfDevices(devices).map((options, index) => {
    const given = devices[index]!;
    const device = runtime.createDevice(options);
    const work = workOf(given);
    return { device, work, programs: programsOf(device, work, hasBfloat16(given)) };
  });
  let seen: Completion[] = [];
  runtime.onComplete((batch) => void seen.push(...batch));
  /** By device and part. */
  const repeats = new Map<string, number>();

  const run = async (chosen: readonly number[], count: (key: string) => number): Promise<readonly Completion[]> => {
    seen = [];
    const start = runtime.createEvents(1);
    for (const index of chosen) {
      const { device, work, programs } = probed[index]!;
      let isFirst = true;
      for (const [id, { part, handle, rows }] of programs.entries()) {
        for (let left = count(`${index} ${part}`); left > 0; left -= 1) {
          const bindings = {
            rows,
            sequences: Int32Array.of(0, rows),
            segments: [],
            ...{ stash: 0, work: 0, in: 0, out: work.copiedBytes },
          };
          device.enqueueRun({ id, program: handle, bindings, waits: isFirst ? [start] : [] });
          isFirst = false;
        }
      }
    }
    runtime.signal(start);
    await runtime.idle();
    return seen;
  };

  const learnRepeats = async (): Promise<void> => {
    const all = [...probed.keys()];
    // The first time touches the memory and makes the primitives.
    await run(all, () => 1);
    const done = await run(all, () => 2);
    for (const [index, { device, programs }] of probed.entries()) {
      for (const [id, { part }] of programs.entries()) {
        const own = done.filter((each) => each.device === device.name && each.id === id);
        const wanted = Math.round(PART_SECONDS / Math.min(...own.map(ownSeconds)));
        repeats.set(`${index} ${part}`, Math.min(MOST_REPEATS, Math.max(FEWEST_REPEATS, wanted)));
      }
    }
  };

  return {
    async measure(chosen = [...probed.keys()]) {
      if (repeats.size === 0) await learnRepeats();
      const done = await run(chosen, (key) => repeats.get(key)!);
      return chosen.map((index): DeviceProbe => {
        const { device, programs } = probed[index]!;
        const own = done.filter((each) => each.device === device.name);
        const rate = (part: Part): Rate | undefined => {
          const id = programs.findIndex((each) => each.part === part);
          return id < 0
            ? undefined
            : rateOf(
                programs[id]!.amount,
                own.filter((each) => each.id === id),
              );
        };
        const bfloat16 = rate("bfloat16");
        const isCounted = own.every(({ interruptedNs }) => interruptedNs !== undefined);
        const interrupted =
          sum(own.map(({ interruptedNs = 0 }) => interruptedNs)) /
          sum(own.map(({ startNs, endNs }) => endNs - startNs));
        return {
          device: devices[index]!.name,
          float32: rate("float32")!,
          ...(bfloat16 === undefined ? {} : { bfloat16 }),
          memory: rate("memory")!,
          ...(isCounted ? { interrupted } : {}),
        };
      });
    },
    [Symbol.dispose]: () => runtime[Symbol.dispose](),
  };
}
