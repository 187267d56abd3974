import { formatBytes, sum } from "../../core/index.ts";
import { trainsEmbedding } from "../actions/pipelines.ts";
import { halvesBounds, rangeOfHalves } from "../actions/stage-layers.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { Stage, StageMemory } from "../documents/setting.ts";
import { heldBytes } from "./memory-model.ts";

/** Weights that a stage reads where another device of its memory has them. */
export interface SharedWeights {
  readonly bytes: number;
  /** The stages that count them, ascending. */
  readonly countedBy: readonly number[];
}

type Placed = Pick<PlanBody, "model" | "devices" | "stages" | "pipelines">;

/** The memory that a device's weights lie in: the machine's for CPU devices, a GPU's for the devices on it. */
export function memoryName({ kind, machine, name }: Pick<ResolvedDevice, "kind" | "machine" | "name">): string {
  if (kind === "cpu") return `${machine} host`;
  return `${machine} ${kind === "cuda" ? name.replace(/#\d+$/, "") : name}`;
}

/** The stage of a device without any part of a model. */
function emptyStage({ index, device }: Stage): Stage {
  return { index, device, firstLayer: 0, endLayer: 0, embedding: false, head: false, recomputedLayers: 0 };
}

/**
 * The parts of a stage's weights that another stage may hold too, each as a stage of that part alone. Rotary
 * frequencies every device has itself. `isTrained`: rows of the embedding, so that the first half has another form.
 */
function partsOf(stage: Stage, isTrained: boolean): ReadonlyMap<string, Stage> {
  const nothing = emptyStage(stage);
  const parts = new Map<string, Stage>();
  const [start, end] = halvesBounds(stage);
  for (let half = start; half < end; half += 1)
    parts.set(`half ${half}${half === 0 && isTrained ? ", trained before" : ""}`, {
      ...nothing,
      ...rangeOfHalves(half, half + 1),
    });
  if (stage.embedding) parts.set("embedding", { ...nothing, embedding: true });
  if (stage.head) parts.set("head", { ...nothing, head: true });
  return parts;
}

/** Bytes of a part of a stage's weights. */
function weightBytes(
  { architecture, dtype }: Pick<PlanBody["model"], "architecture" | "dtype">,
  { kind, threads }: Pick<ResolvedDevice, "kind" | "threads">,
  part: Stage,
  trainsEmbedding: boolean,
): number {
  const held = (stage: Stage): number =>
    heldBytes({ architecture, stage, dtype, jobs: [], maxSequence: 1, kind, threads, trainsEmbedding }).weights;
  return held(part) - held(emptyStage(part));
}

/** Bytes of a whole model's weights that pipelines on one memory hold once. */
export function shareableBytes(
  model: Pick<PlanBody["model"], "architecture" | "dtype">,
  device: Pick<ResolvedDevice, "kind" | "threads">,
): number {
  const whole = { ...rangeOfHalves(0, 2 * model.architecture.numLayers), embedding: true, head: true };
  const parts = partsOf({ index: 0, device: 0, recomputedLayers: 0, ...whole }, false);
  return sum([...parts.values()].map((part) => weightBytes(model, device, part, false)));
}

/**
 * By stage, what it shares with stages before it: the executor loads stages in order, and the first device of a memory
 * to load a weight counts it.
 */
export function sharedWeights({ model, devices, stages, pipelines }: Placed): readonly SharedWeights[] {
  const owners = new Map<string, number>();
  return stages.map((stage) => {
    const device = devices[stage.device]!;
    const { room } = pipelines.find(({ endStage }) => stage.index < endStage)!;
    const isTrained = trainsEmbedding(room);
    const countedBy = new Set<number>();
    let bytes = 0;
    for (const [name, part] of partsOf(stage, isTrained)) {
      const key = `${memoryName(device)} ${name}`;
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, stage.index);
      else {
        bytes += weightBytes(model, device, part, isTrained);
        countedBy.add(owner);
      }
    }
    return { bytes, countedBy: [...countedBy].sort((a, b) => a - b) };
  });
}

/**
 * Which devices read weights that another one counts, a line each, and what those of one memory take together; none
 * where no weights are shared.
 */
export function sharedWeightsText(plan: Placed & Pick<PlanBody, "memory">): readonly string[] {
  const nameOf = (stage: number): string => plan.devices[plan.stages[stage]!.device]!.name;
  const shared = sharedWeights(plan);
  const reads = shared.flatMap(({ bytes, countedBy }, stage) =>
    bytes === 0
      ? []
      : [
          `${nameOf(stage)} reads ${formatBytes(bytes)} of weights that are counted on ${countedBy.map(nameOf).join(" and ")}`,
        ],
  );
  const together = memoryLoads(plan)
    .filter(({ stages }) => stages.some((stage) => shared[stage]!.bytes > 0))
    .map(({ stages, bytes, capacity }) => {
      const most = capacity === null ? "" : ` of ${formatBytes(capacity)}`;
      return `${stages.map(nameOf).join(", ")} share one memory: ${formatBytes(bytes)}${most} in all`;
    });
  return [...reads, ...together];
}

/** Each stage's memory without the weights that stages before it count, from memory that counts them for each. */
export function countedOnce(plan: Placed & Pick<PlanBody, "memory">): StageMemory[] {
  return sharedWeights(plan).map(({ bytes }, stage) => {
    const memory = plan.memory[stage]!;
    return { ...memory, weights: memory.weights - bytes, total: memory.total - bytes };
  });
}

/**
 * Stages whose devices are of one memory, with what they take and what these devices have together; null where one has
 * no limit.
 */
export interface MemoryLoad {
  readonly stages: readonly number[];
  readonly bytes: number;
  readonly capacity: number | null;
}

/**
 * What each memory is to hold: stages on CPU devices of one machine, or on one GPU, may take what their devices have
 * together.
 */
export function memoryLoads({
  devices,
  stages,
  memory,
}: Pick<PlanBody, "devices" | "stages" | "memory">): readonly MemoryLoad[] {
  const loads = new Map<string, { stages: number[]; bytes: number; capacity: number | null }>();
  stages.forEach((stage, index) => {
    const device = devices[stage.device]!;
    const name = memoryName(device);
    const load = loads.get(name) ?? { stages: [], bytes: 0, capacity: 0 };
    loads.set(name, load);
    load.stages.push(index);
    load.bytes += memory[index]!.total;
    load.capacity = load.capacity === null || device.memoryBytes === null ? null : load.capacity + device.memoryBytes;
  });
  return [...loads.values()];
}
