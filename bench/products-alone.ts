import { createRng, median } from "../core/index.ts";
import { nativeInfo } from "../exec/index.ts";
import { createRuntime, type Operator, type Tensor } from "../native/index.ts";
import type { ComputeDtype } from "../plan/index.ts";

/** A frozen product y [rows, out] = x [rows, in] W^T or its gradient dx = dy W, with nothing beside it. */
export interface ProductShape {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly rows: number;
  readonly dtype: ComputeDtype;
  readonly threads: number;
}

/** Calls of one run, the first of which warms the caches. */
const CALLS = 12;

/** Random numbers from -0.5 to 0.5 that are ordinary as floats and, half by half, as pairs of bfloat16. */
function randomFloats(count: number): Float32Array {
  const rng = createRng(count);
  const floats = Float32Array.from({ length: count }, () => rng.nextFloat() - 0.5);
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < count; i += 1) bits[i] = (bits[i]! & 0xffff0000) | (bits[i]! >>> 16);
  return floats;
}

/** Seconds of each call of the forward and of the backward, one after another on one device. */
export async function timeProductAlone(
  shape: ProductShape,
): Promise<Readonly<Record<"forward" | "backward", readonly number[]>>> {
  const { inFeatures, outFeatures, rows, dtype, threads } = shape;
  using runtime = createRuntime();
  using device = runtime.createDevice({ name: "cpu:0", cores: nativeInfo().cores.slice(0, threads) });
  const data = randomFloats(inFeatures * outFeatures);
  const weight = device.loadMatrix({ name: "w", out: outFeatures, in: inFeatures, data, dtype, backward: true });
  const bytes = (columns: number): number => Math.ceil((rows * columns * 4) / 64) * 64;
  const narrow: Tensor = { space: "work", offset: 0 };
  const wide: Tensor = { space: "work", offset: bytes(inFeatures) };
  const arenaBytes = bytes(inFeatures) + bytes(outFeatures);
  device.reserveArena(arenaBytes);
  device.writeArena(0, randomFloats(arenaBytes / 4));
  const forms: Readonly<Record<"forward" | "backward", Operator>> = {
    forward: { op: "matmul", x: narrow, ldx: inFeatures, weight, y: wide, ldy: outFeatures, dtype },
    backward: { op: "matmulBackward", dy: wide, lddy: outFeatures, weight, dx: narrow, lddx: inFeatures, dtype },
  };
  const times: Record<"forward" | "backward", readonly number[]> = { forward: [], backward: [] };
  for (const direction of ["forward", "backward"] as const) {
    const program = device.createProgram(Array.from({ length: CALLS }, () => forms[direction]));
    const bindings = { rows, sequences: Int32Array.of(0, rows), segments: [], stash: 0, work: 0, in: 0, out: 0 };
    runtime.onComplete((batch) => {
      const all = Array.from(batch[0]!.opNs!.slice(1), (ns) => ns / 1e9);
      // Interruptions are subtracted: of a call that was mostly one, next to nothing is left.
      times[direction] = all.filter((seconds) => seconds > median(all) / 3);
    });
    device.enqueueRun({ id: 0, program, bindings: { ...bindings, profile: true }, waits: [] });
    await runtime.idle();
  }
  return times;
}
