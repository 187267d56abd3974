import { totalmem } from "node:os";
import { DeviceError, formatBytes, InputError } from "../core/index.ts";
import { claimCore, type DeviceOptions, nativeInfo } from "../native/index.ts";
import { assignCores, gpuOfName, type PlanBody, type ResolvedDevice, stageRanks, THIS_MACHINE } from "../plan/index.ts";

const WHAT_RUNS =
  "cpu:0, cpu:1, ... and cuda:0, ... of this machine execute (`loratwin devices` lists them); other devices can be planned and simulated.";

function checkOnThisMachine({ name, machine }: ResolvedDevice): void {
  if (machine !== THIS_MACHINE)
    throw new DeviceError({
      expected: `devices of one machine, this one, which a cluster file calls ${THIS_MACHINE},`,
      at: name,
      got: `machine ${machine}`,
      hint: `${WHAT_RUNS} A plan of several machines runs with a rank on each: \`loratwin launch\`.`,
    });
}

function checkRuns({ name, kind, type }: ResolvedDevice): void {
  if (kind === "abstract")
    throw new DeviceError({ expected: "a CPU or CUDA device", at: name, got: type, hint: WHAT_RUNS });
  if (kind === "cpu" && type !== "cpu")
    throw new DeviceError({ expected: "this machine's CPU (type cpu)", at: name, got: type, hint: WHAT_RUNS });
}

function gpuOf({ name, type }: ResolvedDevice): number {
  const index = gpuOfName(name);
  if (index !== undefined) return index;
  throw new DeviceError({
    expected: "a GPU named cuda:0, cuda:1, ... to train on",
    at: name,
    got: type,
    hint: `${WHAT_RUNS} Of several machines, each name begins with another word: first.cuda:0, second.cuda:0.`,
  });
}

/**
 * What a plan's devices have to be, wherever they are, so that processes on its machines can train it: one machine is the
 * one that trains. @throws DeviceError
 */
export function checkTrainable(devices: readonly ResolvedDevice[]): void {
  if (new Set(devices.map(({ machine }) => machine)).size === 1) devices.forEach(checkOnThisMachine);
  devices.forEach(checkRuns);
  for (const device of devices) if (device.kind === "cuda") gpuOf(device);
}

function cudaOptions(device: ResolvedDevice): DeviceOptions {
  const { name } = device;
  const index = gpuOf(device);
  const { reason, devices } = nativeInfo().cuda;
  if (index >= devices.length)
    throw new DeviceError({
      expected: "a CUDA device",
      at: name,
      got: devices.length === 0 ? `none: ${reason}` : `${devices.length} GPUs`,
      hint: WHAT_RUNS,
    });
  return { kind: "cuda", name, index };
}

type Executed = Pick<PlanBody, "devices" | "links" | "stages" | "memory">;

/** What a plan may ask of its links and memory that the executor does not do. */
function checkDemands({ devices, links, stages, memory }: Executed, isHere: (stage: number) => boolean): void {
  links.forEach((link, boundary) => {
    if (link?.transfers !== "blocking") return;
    const [from, to] = [stages[boundary], stages[boundary + 1]].map((stage) => devices[stage!.device]!.name);
    throw new InputError({
      expected: `transfers that do not block their receiver between ${from} and ${to}`,
      got: link.transfers,
      hint: "Blocking ones can be simulated. Write `transfers: synchronous`, whose senders wait for the arrival, or leave it out of the cluster file, and make the plan anew.",
    });
  });
  const needed = stages.reduce(
    (sum, { device }, stage) => sum + (devices[device]!.kind === "cpu" && isHere(stage) ? memory[stage]!.total : 0),
    0,
  );
  if (needed > totalmem())
    throw new DeviceError({
      expected: `a plan that fits into this machine's memory (${formatBytes(totalmem())})`,
      got: formatBytes(needed),
      hint: "The cluster file's memoryBytes says more than is there. Leave it out and make the plan anew.",
    });
}

/** This machine's cores. */
export interface Cores {
  /** Ids of those that this process may use. */
  readonly present: () => readonly number[];
  /** Whether a core is this process's from now on. */
  readonly claim: (core: number) => boolean;
}

/**
 * The ids of cores, each in place of its number: the machine's in order, but for those that other processes' devices are
 * pinned to, where one is left that is nobody's. Two runs that start at once, such as tasks of an array, part them so.
 */
function claimCores(
  numbers: readonly number[],
  present: readonly number[],
  claim: (core: number) => boolean,
): ReadonlyMap<number, number> {
  const [ids, refused] = [new Map<number, number>(), [] as number[]];
  for (const number of numbers) {
    if (claim(present[number]!)) ids.set(number, present[number]!);
    else refused.push(number);
  }
  const used = new Set(numbers);
  const others = present.filter((_, number) => !used.has(number));
  for (const number of refused) {
    const free = others.findIndex(claim);
    ids.set(number, free === -1 ? present[number]! : others[free]!);
    others.splice(0, free + 1);
  }
  return ids;
}

/**
 * What devices are here, each another one: cores that no other has, or the GPU that its name says. @throws DeviceError
 * for one that is not here.
 */
export function optionsOfDevices(
  devices: readonly ResolvedDevice[],
  { present: all, claim }: Cores = { present: () => nativeInfo().cores, claim: claimCore },
): readonly DeviceOptions[] {
  devices.forEach(checkRuns);
  const present = devices.some(({ kind }) => kind === "cpu") ? all() : [];
  const cores = assignCores(devices, present.length);
  const ids = claimCores(cores.flat(), present, claim);
  return devices.map(
    (device, index): DeviceOptions =>
      device.kind === "cuda"
        ? cudaOptions(device)
        : { name: device.name, cores: cores[index]!.map((core) => ids.get(core)!) },
  );
}

/**
 * What each of a plan's stages runs on here.
 * @throws DeviceError for a device that is not here; InputError for what the executor does not do.
 */
export function assignDevices(plan: Executed): readonly DeviceOptions[] {
  for (const { device } of plan.stages) checkOnThisMachine(plan.devices[device]!);
  return optionsOfStages(plan, () => true) as readonly DeviceOptions[];
}

/** The same of the stages of one rank of a plan of several machines; undefined for the others. */
export function assignRankDevices(plan: Executed, rank: number): readonly (DeviceOptions | undefined)[] {
  const ranks = stageRanks(plan);
  return optionsOfStages(plan, (stage) => ranks[stage] === rank);
}

function optionsOfStages(plan: Executed, isHere: (stage: number) => boolean): readonly (DeviceOptions | undefined)[] {
  const used = [...new Set(plan.stages.flatMap(({ device }, stage) => (isHere(stage) ? [device] : [])))];
  const options = optionsOfDevices(used.map((device) => plan.devices[device]!));
  checkDemands(plan, isHere);
  return plan.stages.map(({ device }, stage) => {
    if (!isHere(stage)) return undefined;
    const own = options[used.indexOf(device)]!;
    return own.kind === "cuda" ? { ...own, graphRoomBytes: plan.memory[stage]!.graphs ?? 0 } : own;
  });
}
