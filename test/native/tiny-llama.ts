// A one-layer Llama of odd sizes, once as two programs of a device and once as plain loops in float64.
import { createRng } from "../../core/index.ts";
import type { Bindings, Device, Handle, LoraProjection, Operator, Space, Tensor } from "../../native/index.ts";
import { scratchBytes } from "../../native/index.ts";
import { UNIT_ROWS } from "../../plan/memory/stash.ts";

export const shape = { hidden: 20, heads: 4, kvHeads: 2, headDim: 6, intermediate: 13, vocabulary: 17, eps: 1e-5 };
const { hidden, heads, kvHeads, headDim, intermediate, vocabulary, eps } = shape;
const qWidth = heads * headDim;
const kvWidth = kvHeads * headDim;
const qkvWidth = qWidth + 2 * kvWidth;
const maxRows = 64;
const tileRows = 4;
const lds = 16;

/** q, k, v, o, gate, up, down: [outFeatures, inFeatures], the index is the target. */
export const projections: readonly (readonly [number, number])[] = [
  [qWidth, hidden],
  [kvWidth, hidden],
  [kvWidth, hidden],
  [hidden, qWidth],
  [intermediate, hidden],
  [intermediate, hidden],
  [hidden, intermediate],
];

/** `count` normal numbers times `scale`, rounded to float32. */
export function normals(seed: string, count: number, scale: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: count }, () => rng.nextNormal() * scale);
}

export const weights = {
  table: normals("table", vocabulary * hidden, 1),
  norms: ["norm1", "norm2", "norm3"].map((name) => normals(name, hidden, 0.2).map((x) => 1 + x)),
  qkv: normals("qkv", qkvWidth * hidden, 0.25),
  o: normals("o", hidden * qWidth, 0.25),
  gateUp: normals("gateUp", 2 * intermediate * hidden, 0.25),
  down: normals("down", hidden * intermediate, 0.25),
  head: normals("head", vocabulary * hidden, 0.25),
  qkvBias: normals("bias", qkvWidth, 0.1),
  frequencies: Float32Array.from({ length: headDim / 2 }, (_, i) => 10000 ** ((-2 * i) / headDim)),
};

/** Which projections an adapter has, with its rank and scale. */
export interface AdapterShape {
  readonly rank: number;
  readonly scale: number;
  readonly targets: readonly number[];
}

export function adapterCount({ rank, targets }: AdapterShape): number {
  return targets.reduce((sum, target) => sum + rank * (projections[target]![0] + projections[target]![1]), 0);
}

/** Arena places of each space and the programs' handles on one device. */
export interface LoadedModel {
  readonly forward: Handle;
  readonly backward: Handle;
  readonly bases: Pick<Bindings, "stash" | "work" | "in" | "out">;
  readonly arenaBytes: number;
}

export function loadModel(device: Device): LoadedModel {
  const next: Record<Space, number> = { stash: 0, work: 0, in: 0, out: 0 };
  const place = (space: Space, bytes: number): Tensor => {
    const offset = next[space];
    next[space] += Math.ceil(bytes / 64) * 64;
    return { space, offset };
  };
  const rows = (space: Space, columns: number): Tensor =>
    place(space, (space === "stash" ? UNIT_ROWS : maxRows) * columns * 4);
  const matrix = (name: string, out: number, inFeatures: number, data: Float32Array): Handle =>
    device.loadMatrix({ name, out, in: inFeatures, data, backward: true });

  const table = device.loadTable({ rows: vocabulary, columns: hidden, data: weights.table });
  const [norm1, norm2, norm3] = weights.norms.map((data) => device.loadVector(data)) as [Handle, Handle, Handle];
  const frequencies = device.loadVector(weights.frequencies);
  const bias = device.loadVector(weights.qkvBias);
  const wQkv = matrix("qkv", qkvWidth, hidden, weights.qkv);
  const wO = matrix("o", hidden, qWidth, weights.o);
  const wGateUp = matrix("gateUp", 2 * intermediate, hidden, weights.gateUp);
  const wDown = matrix("down", hidden, intermediate, weights.down);
  const wHead = matrix("head", vocabulary, hidden, weights.head);

  const [x0, n1, x1, n2, x2, n3] = Array.from({ length: 6 }, () => rows("stash", hidden)) as Tensors<6>;
  const [rstd1, rstd2, rstd3] = Array.from({ length: 3 }, () => rows("stash", 1)) as Tensors<3>;
  const qkv = rows("stash", qkvWidth);
  const att = rows("stash", qWidth);
  const lse = rows("stash", heads);
  const gateUp = rows("stash", 2 * intermediate);
  const act = rows("stash", intermediate);
  const s = projections.map(() => rows("stash", lds));
  const dn3 = rows("stash", hidden);
  const [dx2, dn2, dx1] = Array.from({ length: 3 }, () => rows("work", hidden)) as Tensors<3>;
  const dact = rows("work", intermediate);
  const dgateUp = rows("work", 2 * intermediate);
  const datt = rows("work", qWidth);
  const dqkv = rows("work", qkvWidth);
  const threads = device.cores.length;
  const scratch = place(
    "work",
    Math.max(
      scratchBytes("attentionBackward", { threads, maxSequence: maxRows, headDim }),
      scratchBytes("attention", { threads, maxSequence: maxRows, headDim }),
      scratchBytes("loraBackward", { rows: maxRows, maxRank: lds, projections: 3 }),
    ),
  );
  const logits = place("work", scratchBytes("headLoss", { tileRows, hidden, vocabulary }));

  const columnOf = [0, qWidth, qWidth + kvWidth, 0, 0, intermediate, 0];
  const listed = (targets: readonly number[]): readonly LoraProjection[] =>
    targets.map((target) => ({
      target,
      outFeatures: projections[target]![0],
      column: columnOf[target]!,
      s: s[target]!,
      lds,
    }));
  const lora = (targets: readonly number[], x: Tensor, ldx: number, y: Tensor, ldy: number): Operator => {
    const inFeatures = projections[targets[0]!]![1];
    return { op: "lora", projections: listed(targets), x, ldx, inFeatures, y, ldy };
  };
  const loraBackward = (
    targets: readonly number[],
    dy: Tensor,
    lddy: number,
    x: Tensor,
    ldx: number,
    dx?: Tensor,
  ): Operator => {
    const inFeatures = projections[targets[0]!]![1];
    const input = dx === undefined ? {} : { dx, lddx: inFeatures };
    return { op: "loraBackward", projections: listed(targets), dy, lddy, x, ldx, inFeatures, scratch, ...input };
  };
  const rope = (x: Tensor, column: number, count: number, inverse: boolean): Operator => {
    return { op: "rope", x, ld: qkvWidth, column, heads: count, headDim, frequencies, inverse };
  };
  const columns = { qColumn: 0, kColumn: qWidth, vColumn: qWidth + kvWidth, heads, kvHeads, headDim };

  const forward = device.createProgram([
    { op: "embed", table, out: x0, hidden },
    { op: "rmsnorm", x: x0, weight: norm1, y: n1, rstd: rstd1, hidden, eps },
    { op: "matmul", x: n1, ldx: hidden, weight: wQkv, y: qkv, ldy: qkvWidth, bias },
    lora([0, 1, 2], n1, hidden, qkv, qkvWidth),
    rope(qkv, 0, heads, false),
    rope(qkv, qWidth, kvHeads, false),
    { op: "attention", qkv, ld: qkvWidth, ...columns, out: att, ldo: qWidth, lse, scratch },
    { op: "matmul", x: att, ldx: qWidth, weight: wO, y: x1, ldy: hidden, residual: x0, ldr: hidden },
    lora([3], att, qWidth, x1, hidden),
    { op: "rmsnorm", x: x1, weight: norm2, y: n2, rstd: rstd2, hidden, eps },
    { op: "matmul", x: n2, ldx: hidden, weight: wGateUp, y: gateUp, ldy: 2 * intermediate },
    lora([4, 5], n2, hidden, gateUp, 2 * intermediate),
    { op: "swiglu", gateUp, ld: 2 * intermediate, out: act, ldo: intermediate, intermediate },
    { op: "matmul", x: act, ldx: intermediate, weight: wDown, y: x2, ldy: hidden, residual: x1, ldr: hidden },
    lora([6], act, intermediate, x2, hidden),
    { op: "rmsnorm", x: x2, weight: norm3, y: n3, rstd: rstd3, hidden, eps },
    { op: "headLoss", x: n3, weight: wHead, hidden, vocabulary, dx: dn3, logits, tileRows },
  ]);
  const backward = device.createProgram([
    { op: "rmsnormBackward", dy: dn3, x: x2, rstd: rstd3, weight: norm3, dx: dx2, hidden },
    { op: "matmulBackward", dy: dx2, lddy: hidden, weight: wDown, dx: dact, lddx: intermediate },
    loraBackward([6], dx2, hidden, act, intermediate, dact),
    {
      op: "swigluBackward",
      gateUp,
      ld: 2 * intermediate,
      dout: dact,
      lddo: intermediate,
      dgateUp,
      ldd: 2 * intermediate,
      intermediate,
    },
    { op: "matmulBackward", dy: dgateUp, lddy: 2 * intermediate, weight: wGateUp, dx: dn2, lddx: hidden },
    loraBackward([4, 5], dgateUp, 2 * intermediate, n2, hidden, dn2),
    { op: "rmsnormBackward", dy: dn2, x: x1, rstd: rstd2, weight: norm2, dx: dx1, residual: dx2, hidden },
    { op: "matmulBackward", dy: dx1, lddy: hidden, weight: wO, dx: datt, lddx: qWidth },
    loraBackward([3], dx1, hidden, att, qWidth, datt),
    {
      op: "attentionBackward",
      qkv,
      ld: qkvWidth,
      ...columns,
      out: att,
      ldo: qWidth,
      dout: datt,
      lddo: qWidth,
      lse,
      dqkv,
      ldd: qkvWidth,
      scratch,
    },
    rope(dqkv, 0, heads, true),
    rope(dqkv, qWidth, kvHeads, true),
    loraBackward([0, 1, 2], dqkv, qkvWidth, n1, hidden),
  ]);
  const stashBytes = next.stash * Math.ceil(maxRows / UNIT_ROWS);
  device.reserveArena(stashBytes + next.work);
  return {
    forward,
    backward,
    bases: { stash: 0, work: stashBytes, in: 0, out: 0 },
    arenaBytes: stashBytes + next.work,
  };
}

type Tensors<N extends number, T extends Tensor[] = []> = T["length"] extends N ? T : Tensors<N, [...T, Tensor]>;
type Matrix = readonly number[][];

function timesTransposed(x: Matrix, w: ArrayLike<number>, out: number, start = 0): number[][] {
  const width = x[0]!.length;
  return x.map((row) =>
    Array.from({ length: out }, (_, n) => row.reduce((sum, value, k) => sum + value * w[start + n * width + k]!, 0)),
  );
}

function norm(x: Matrix, w: ArrayLike<number>): number[][] {
  return x.map((row) => {
    const rstd = 1 / Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / row.length + eps);
    return row.map((value, column) => value * rstd * w[column]!);
  });
}

function addLora(
  adapter: AdapterShape,
  parameters: ArrayLike<number>,
  target: number,
  x: Matrix,
  y: number[][],
  column: number,
): void {
  let offset = 0;
  for (const entry of adapter.targets) {
    const [out, width] = projections[entry]!;
    if (entry === target) {
      const s = timesTransposed(x, parameters, adapter.rank, offset);
      const added = timesTransposed(s, parameters, out, offset + adapter.rank * width);
      added.forEach((row, t) => {
        row.forEach((value, n) => {
          y[t]![column + n]! += adapter.scale * value;
        });
      });
      return;
    }
    offset += adapter.rank * (out + width);
  }
}

function rotate(x: number[][], column: number, count: number): void {
  x.forEach((row, position) => {
    for (let h = 0; h < count; h++) {
      for (let i = 0; i < headDim / 2; i++) {
        const angle = position * weights.frequencies[i]!;
        const at = column + h * headDim + i;
        const [a, b] = [row[at]!, row[at + headDim / 2]!];
        row[at] = a * Math.cos(angle) - b * Math.sin(angle);
        row[at + headDim / 2] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
  });
}

function attend(qkv: Matrix): number[][] {
  const dot = (t: number, u: number, h: number, kv: number): number => {
    let sum = 0;
    for (let d = 0; d < headDim; d++) sum += qkv[t]![h * headDim + d]! * qkv[u]![qWidth + kv * headDim + d]!;
    return sum / Math.sqrt(headDim);
  };
  return qkv.map((_, t) =>
    Array.from({ length: qWidth }, (_unused, column) => {
      const h = Math.floor(column / headDim);
      const kv = Math.floor((h * kvHeads) / heads);
      const p = Array.from({ length: t + 1 }, (_key, u) => Math.exp(dot(t, u, h, kv)));
      const v = qWidth + kvWidth + kv * headDim + (column % headDim);
      return p.reduce((sum, value, u) => sum + value * qkv[u]![v]!, 0) / p.reduce((sum, value) => sum + value, 0);
    }),
  );
}

/** Sum of the token losses of one sequence with one adapter, in float64. */
export function lossOf(
  ids: readonly number[],
  targets: readonly number[],
  adapter: AdapterShape,
  parameters: ArrayLike<number>,
): number {
  const x0 = ids.map((id) => Array.from(weights.table.subarray(id * hidden, (id + 1) * hidden)));
  const n1 = norm(x0, weights.norms[0]!);
  const qkv = timesTransposed(n1, weights.qkv, qkvWidth).map((row) =>
    row.map((value, n) => value + weights.qkvBias[n]!),
  );
  addLora(adapter, parameters, 0, n1, qkv, 0);
  addLora(adapter, parameters, 1, n1, qkv, qWidth);
  addLora(adapter, parameters, 2, n1, qkv, qWidth + kvWidth);
  rotate(qkv, 0, heads);
  rotate(qkv, qWidth, kvHeads);
  const att = attend(qkv);
  const x1 = timesTransposed(att, weights.o, hidden).map((row, t) => row.map((value, n) => value + x0[t]![n]!));
  addLora(adapter, parameters, 3, att, x1, 0);
  const n2 = norm(x1, weights.norms[1]!);
  const gateUp = timesTransposed(n2, weights.gateUp, 2 * intermediate);
  addLora(adapter, parameters, 4, n2, gateUp, 0);
  addLora(adapter, parameters, 5, n2, gateUp, intermediate);
  const act = gateUp.map((row) =>
    Array.from({ length: intermediate }, (_, i) => (row[i]! / (1 + Math.exp(-row[i]!))) * row[intermediate + i]!),
  );
  const x2 = timesTransposed(act, weights.down, hidden).map((row, t) => row.map((value, n) => value + x1[t]![n]!));
  addLora(adapter, parameters, 6, act, x2, 0);
  const logits = timesTransposed(norm(x2, weights.norms[2]!), weights.head, vocabulary);
  return targets.reduce((sum, target, t) => {
    if (target < 0) return sum;
    return sum + Math.log(logits[t]!.reduce((total, z) => total + Math.exp(z), 0)) - logits[t]![target]!;
  }, 0);
}
