import type { EventEmitter } from "node:events";
import { InputError } from "../../core/index.ts";
import {
  assignDevices,
  assignRankDevices,
  joinMpi,
  type ModelFolder,
  nativeInfo,
  openModelFolder,
  RankedHost,
  type StageHost,
  serveRank,
  type World,
} from "../../exec/index.ts";
import { VERSION } from "../version.ts";

/** Seconds in which a rank has to be heard of: more than the largest message takes on the slowest link. */
const SILENCE_SECONDS = 20;

/** What launchers tell each process that they start: how many there are. Open MPI, MPICH and its kin, Slurm with PMIx. */
const SIZES = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** How many processes were started as one run; 1 where no launcher did. */
export function launchedRanks(environment: Environment): number {
  const told = SIZES.map((name) => environment[name]).find((value) => value !== undefined);
  const ofSlurm = environment["PMIX_RANK"] === undefined ? undefined : environment["SLURM_STEP_NUM_TASKS"];
  const size = Number(told ?? ofSlurm ?? 1);
  return Number.isSafeInteger(size) && size > 0 ? size : 1;
}

/** This process's rank where a launcher has started several; undefined where it is alone. @throws DeviceError, InputError */
export function joinRanks(environment: Environment): World | undefined {
  if (launchedRanks(environment) === 1) return undefined;
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

/** What a plan's stages run on is here, or on the other ranks. @throws DeviceError, InputError */
export function checkDevices(plan: Parameters<typeof assignDevices>[0], world: World | undefined): void {
  if (world === undefined) assignDevices(plan);
  else assignRankDevices(plan, world.rank);
}

/** Where the stages of a plan over several machines run, as rank 0 has them; `note` is told of what is particular. */
export function rankedHost(world: World, model: ModelFolder, note: (text: string) => void): StageHost {
  return new RankedHost({ world, version: VERSION, versions: kindVersions(), model, note });
}
