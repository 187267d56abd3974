import type { EventEmitter } from "node:events";
import { InputError } from "../../core/index.ts";
import {
  assignDevices,
  assignRankDevices,
  joinMpi,
  type ModelFolder,
  nativeInfo,
  neededRanks,
  openModelFolder,
  RankedHost,
  type StageHost,
  serveRank,
  type World,
} from "../../exec/index.ts";
import { VERSION } from "../../files/index.ts";
import { machinesOf } from "../../plan/index.ts";
import { doubtOfStart, type Environment, startedProcesses, startHint, tellsMpi } from "./started-processes.ts";

/** Seconds in which a rank has to be heard of: more than the largest message takes on the slowest link. */
const SILENCE_SECONDS = 20;

/**
 * This process's rank where a launcher has started several; undefined where it is alone. `warn`: what to do should MPI end
 * the process. @throws DeviceError, InputError
 */
export function joinRanks(environment: Environment, warn: (text: string) => void): World | undefined {
  if (!tellsMpi(environment)) return undefined;
  const doubt = doubtOfStart(environment);
  if (doubt !== undefined) warn(doubt);
  const asked = environment["LORATWIN_RANK_SILENCE_SECONDS"];
  const seconds = asked === undefined ? SILENCE_SECONDS : Number(asked);
  if (!(seconds > 0))
    throw new InputError({ expected: "seconds above 0", at: "LORATWIN_RANK_SILENCE_SECONDS", got: asked });
  return joinMpi(seconds);
}

/** What decides which bytes a machine computes, beside what it is told. */
function kindVersions(): Readonly<Record<string, string>> {
  const { onednn, isa } = nativeInfo();
  return { onednn, isa };
}

/** What asks a run to end: the first rank heeds it, with a checkpoint, and tells the others when they may go. */
const ENDING = ["SIGINT", "SIGTERM", "SIGUSR2"] as const;

/** Runs the stages of a rank but the first until that says that all is done. @throws DeviceError */
export async function workOnRank(world: World, signals: EventEmitter): Promise<void> {
  for (const signal of ENDING) signals.on(signal, () => {});
  await serveRank({ world, version: VERSION, versions: kindVersions(), openModel: openModelFolder });
}

/**
 * A plan of several machines has a rank for each. Processes that do not find each other, as MPI was not told of them or
 * is another one than their launcher's, would each be the only one. @throws InputError
 */
export function checkRanks(
  plan: Parameters<typeof machinesOf>[0],
  world: World | undefined,
  environment: Environment = process.env,
): void {
  const needed = machinesOf(plan).length;
  const size = world?.size ?? 1;
  const { size: numStarted } = startedProcesses(environment);
  const isStray = size === 1 && numStarted > 1;
  const isInJob = environment["SLURM_JOB_ID"] !== undefined;
  if (size === needed || (world === undefined && !isStray && !isInJob)) return;
  const independent = isInJob ? " `srun --mpi=none` starts processes that know nothing of each other." : "";
  throw new InputError({
    expected: neededRanks(plan),
    got: isStray ? `${numStarted} processes that do not find each other` : size,
    hint: size > needed ? `Start so many processes.${independent}` : startHint(environment),
  });
}

/**
 * What a plan's stages run on is here, or on the other ranks. Before anything is written: each of several processes may
 * have been started alone. @throws DeviceError, InputError
 */
export function checkDevices(
  plan: Parameters<typeof assignDevices>[0],
  world: World | undefined,
  environment: Environment = process.env,
): void {
  checkRanks(plan, world, environment);
  if (world === undefined) assignDevices(plan);
  else assignRankDevices(plan, world.rank);
}

/** Where the stages of a plan over several machines run, as rank 0 has them; `note` is told of what is particular. */
export function rankedHost(world: World, model: ModelFolder, note: (text: string) => void): StageHost {
  return new RankedHost({ world, version: VERSION, versions: kindVersions(), model, note });
}
