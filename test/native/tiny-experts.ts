// A mixture of experts of odd sizes as one program of a device, and once as plain loops in float64.
import type { AdapterEntry, Bindings, Completion, Device, Operator, Space, Tensor } from "../../native/index.ts";
import { createRuntime, type DeviceOptions, scratchBytes } from "../../native/index.ts";
import { UNIT_ROWS } from "../../plan/memory/stash.ts";
import { normals } from "./tiny-llama.ts";

const hidden = 6;
const inner = 5;
const experts = 4;
const perRow = 2;
const alpha = 1.7;
const limit = 0.4;
const lds = 3;
/** gate and up as one projection, then down: [outFeatures, inFeatures]; the index is the target. */
const projections = [
  [2 * inner, hidden],
  [hidden, inner],
] as const;
const scale = 0.7;

export const rows = 11;
/** Adapters of the rows from the first on; the row between them has none. */
export const jobs = [
  { rowStart: 0, rowEnd: 6, rank: 3 },
  { rowStart: 7, rowEnd: 11, rank: 1 },
] as const;

const sizeOf = (rank: number): number => experts * rank * (3 * inner + 2 * hidden);

/** What the program is given, float32 numbers; adapters: A of all experts, then B, of each projection. */
export const given = {
  x: normals("x", rows * hidden, 1),
  logits: normals("logits", rows * experts, 1),
  residual: normals("residual", rows * hidden, 1),
  dy: normals("dy", rows * hidden, 1),
  adapters: jobs.map(({ rank }, job) => normals(`adapter ${job}`, sizeOf(rank), 0.5)),
};
const weights = projections.map(([out, input], target) => normals(`experts ${target}`, experts * out * input, 0.4));
const biases = projections.map(([out], target) => normals(`biases ${target}`, experts * out, 0.3));

export interface Point {
  readonly x: ArrayLike<number>;
  readonly logits: ArrayLike<number>;
  readonly adapters: readonly ArrayLike<number>[];
}

/** x W^T + b + scale B A x of one expert; `job` -1: no adapter. */
function project(at: Point, target: number, expert: number, job: number, x: readonly number[]): readonly number[] {
  const [out, input] = projections[target]!;
  const rank = jobs[job]?.rank ?? 0;
  const start = target === 0 ? 0 : experts * rank * (2 * inner + hidden);
  const a = start + expert * rank * input;
  const b = start + experts * rank * input + expert * out * rank;
  const dot = (from: ArrayLike<number>, place: number, with_: readonly number[]): number =>
    with_.reduce((sum, value, i) => sum + value * from[place + i]!, 0);
  const s = Array.from({ length: rank }, (_, r) => dot(at.adapters[job]!, a + r * input, x));
  return Array.from(
    { length: out },
    (_, n) =>
      dot(weights[target]!, (expert * out + n) * input, x) +
      biases[target]![expert * out + n]! +
      scale * (rank === 0 ? 0 : dot(at.adapters[job]!, b + n * rank, s)),
  );
}

/** The k experts of each row. */
export const chosen = Array.from({ length: rows }, (_, t) =>
  Array.from({ length: experts }, (_, e) => e)
    .sort((a, b) => given.logits[t * experts + b]! - given.logits[t * experts + a]!)
    .slice(0, perRow),
);

export function outputs(at: Point, normalized: boolean): readonly number[] {
  return chosen.flatMap((ownExperts, t) => {
    const job = jobs.findIndex(({ rowStart, rowEnd }) => t >= rowStart && t < rowEnd);
    const x = Array.from({ length: hidden }, (_, i) => at.x[t * hidden + i]!);
    const logits = Array.from({ length: experts }, (_, e) => at.logits[t * experts + e]!);
    const summed = normalized ? ownExperts.map((e) => logits[e]!) : logits;
    const total = summed.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const y = Array.from({ length: hidden }, (_, i) => given.residual[t * hidden + i]!);
    for (const expert of ownExperts) {
      const gateUp = project(at, 0, expert, job, x);
      const act = Array.from({ length: inner }, (_, i) => {
        const gate = Math.min(gateUp[i]!, limit);
        const up = Math.max(-limit, Math.min(limit, gateUp[inner + i]!));
        return (gate / (1 + Math.exp(-alpha * gate))) * (up + 1);
      });
      const weight = Math.exp(logits[expert]!) / total;
      project(at, 1, expert, job, act).forEach((value, i) => {
        y[i]! += weight * value;
      });
    }
    return y;
  });
}

export interface Result {
  readonly y: Float32Array;
  readonly dx: Float32Array;
  readonly dlogits: Float32Array;
  /** Of the jobs that ran. */
  readonly adapters: readonly Float32Array[];
}

/** Forward and backward on a device, with the adapters of `ran` and without the others. */
export async function run(options: DeviceOptions, normalized: boolean, ran: readonly number[]): Promise<Result> {
  using runtime = createRuntime();
  const done: Completion[] = [];
  runtime.onComplete((batch) => done.push(...batch));
  const device = runtime.createDevice(options);
  const { operators, tensors, bases } = program(device, normalized);
  const handles = ran.map((job) => {
    const entries = projections.map(
      ([outFeatures, inFeatures], target): AdapterEntry => ({
        ...{ target, rank: jobs[job]!.rank, inFeatures, outFeatures, scale, experts },
      }),
    );
    const adapter = device.createAdapter(entries);
    device.writeAdapter(adapter, "parameters", given.adapters[job]!);
    return adapter;
  });
  const segments = ran.map((job, index) => {
    const { rowStart, rowEnd } = jobs[job]!;
    return { adapter: handles[index]!, rowStart, rowEnd, lossScale: 1, dropout: 0, dropoutSeed: [0, 0] as const };
  });
  const placeOf = ({ space, offset }: Tensor): number =>
    bases[space] + offset * (space === "stash" ? Math.ceil(rows / UNIT_ROWS) : 1);
  const { x, logits, residual, dy, y, dx, dlogits } = tensors;
  for (const [tensor, data] of [
    [x, given.x],
    [logits, given.logits],
    [residual, given.residual],
    [dy, given.dy],
  ] as const) {
    device.writeArena(placeOf(tensor), data);
  }
  const bindings: Bindings = { rows, sequences: Int32Array.of(0, rows), segments, ...bases };
  device.enqueueRun({ id: 1, program: device.createProgram(operators), bindings, waits: [] });
  await runtime.idle();
  const read = (tensor: Tensor, columns: number): Float32Array => device.readArena(placeOf(tensor), rows * columns);
  return {
    y: read(y, hidden),
    dx: read(dx, hidden),
    dlogits: read(dlogits, experts),
    adapters: handles.map((handle) => device.readAdapter(handle, "gradients")),
  };
}

function program(device: Device, normalized: boolean) {
  const next: Record<Space, number> = { stash: 0, work: 0, in: 0, out: 0 };
  const place = (space: Space, bytes: number): Tensor => {
    const offset = next[space];
    next[space] += Math.ceil(bytes / 64) * 64;
    return { space, offset };
  };
  const tensor = (columns: number): Tensor => place("stash", UNIT_ROWS * columns * 4);
  const [wide, narrow] = projections.map(([out, input], target) =>
    device.loadMatrix({ name: `w${target}`, out, in: input, experts, data: weights[target]!, backward: true }),
  ) as [number, number];
  const [wideBias, narrowBias] = biases.map((bias) => device.loadVector(bias)) as [number, number];
  const [x, residual, dy] = [tensor(hidden), tensor(hidden), tensor(hidden)];
  const [y, dx] = [tensor(hidden), tensor(hidden)];
  const [logits, dlogits] = [tensor(experts), tensor(experts)];
  const [order, places, ownExperts] = [tensor(perRow), tensor(perRow), tensor(perRow)];
  const [shares, dweights] = [tensor(perRow), tensor(perRow)];
  const starts = place("stash", 4 * (experts + 1));
  const [placedX, down, ddown] = [tensor(perRow * hidden), tensor(perRow * hidden), tensor(perRow * hidden)];
  const gateUp = tensor(perRow * 2 * inner);
  const [act, dact] = [tensor(perRow * inner), tensor(perRow * inner)];
  const s = projections.map(() => tensor(perRow * lds));
  const pairs = rows * perRow;
  const scratch = place(
    "work",
    Math.max(
      scratchBytes("expertMatmul", { inFeatures: hidden, outFeatures: 2 * inner }),
      scratchBytes("loraBackward", { rows: pairs, maxRank: lds, projections: 1 }),
      scratchBytes("cudaLoraBackward", {
        ...{ rows: pairs, segments: jobs.length, maxRank: lds, projections: 1, inFeatures: hidden },
        ...{ outFeatures: 2 * inner, lds },
      }),
    ),
  );
  const ofExperts = { experts, perRow, order, starts };
  const projection = (target: number) => [
    { target, outFeatures: projections[target]![0], column: 0, s: s[target]!, lds },
  ];
  const activation = { activation: "clamped", alpha, limit, perRow, intermediate: inner } as const;
  const wideRows = { ldx: hidden, ldy: 2 * inner };
  const narrowRows = { ldx: inner, ldy: hidden };
  const toWide = { projections: projection(0), x: placedX, ldx: hidden, inFeatures: hidden, ...ofExperts };
  const toNarrow = { projections: projection(1), x: act, ldx: inner, inFeatures: inner, ...ofExperts };
  const routed = { experts, perRow, logits, normalized, chosen: ownExperts, weights: shares };
  const operators: readonly Operator[] = [
    { op: "route", ...routed, order, places, starts },
    { op: "gatherRows", perRow, order, x, y: placedX, columns: hidden },
    { op: "expertMatmul", perRow, starts, x: placedX, weight: wide, y: gateUp, bias: wideBias, scratch, ...wideRows },
    { op: "lora", ...toWide, y: gateUp, ldy: 2 * inner },
    { op: "swiglu", ...activation, gateUp, ld: 2 * inner, out: act, ldo: inner },
    { op: "expertMatmul", perRow, starts, x: act, weight: narrow, y: down, bias: narrowBias, scratch, ...narrowRows },
    { op: "lora", ...toNarrow, y: down, ldy: hidden },
    { op: "combine", perRow, places, x: down, weights: shares, y, residual, columns: hidden },
    { op: "combineBackward", perRow, places, dy, x: down, weights: shares, dx: ddown, dweights, columns: hidden },
    {
      ...{ op: "expertMatmulBackward", perRow, starts, dy: ddown, lddy: hidden, weight: narrow },
      ...{ dx: dact, lddx: inner, scratch },
    },
    { op: "loraBackward", ...toNarrow, dy: ddown, lddy: hidden, dx: dact, lddx: inner, scratch },
    {
      ...{ op: "swigluBackward", ...activation, gateUp, ld: 2 * inner, dout: dact, lddo: inner },
      ...{ dgateUp: gateUp, ldd: 2 * inner },
    },
    {
      ...{ op: "expertMatmulBackward", perRow, starts, dy: gateUp, lddy: 2 * inner, weight: wide },
      ...{ dx: down, lddx: hidden, scratch },
    },
    { op: "loraBackward", ...toWide, dy: gateUp, lddy: 2 * inner, dx: down, lddx: hidden, scratch },
    { op: "combine", perRow, places, x: down, y: dx, columns: hidden },
    { op: "routeBackward", ...routed, dweights, dlogits },
  ];
  const stashBytes = next.stash * Math.ceil(rows / UNIT_ROWS);
  device.reserveArena(stashBytes + next.work);
  const bases = { stash: 0, work: stashBytes, in: 0, out: 0 };
  return { operators, tensors: { x, logits, residual, dy, y, dx, dlogits }, bases };
}
