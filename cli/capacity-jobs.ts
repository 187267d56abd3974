import { type RunFiles, workloadName } from "../capacity/index.ts";
import type { CandidateRow, JobKind } from "../plan/index.ts";
import { RUN_FILES } from "../runs/index.ts";
import {
  ENDING_SECONDS,
  kubernetesName,
  kubernetesText,
  launchLine,
  type RepeatedRun,
  slurmScript,
} from "../workbench/index.ts";
import { machineOfGpus, shareOf } from "./launched-machines.ts";
import { repeatedRun } from "./launched-words.ts";

/** As it is on a cluster's nodes and in images. By npx the signal of an end would reach npx alone. */
const PROGRAM = ["loratwin"] as const;

/** A run of a kind's workload on a slot. */
function runOf({ name }: JobKind, workload: string, best: CandidateRow): RepeatedRun {
  const { checkpointSeconds } = best;
  const { slot } = best.candidate;
  const folder = `runs/${name}`;
  const checkpoints =
    checkpointSeconds === null ? [] : ["--checkpoint-minutes", (checkpointSeconds / 60).toPrecision(3)];
  const options = [...checkpoints, "--notice-seconds", `${ENDING_SECONDS}`];
  const devices = Array.from({ length: slot }, (_, device) => `cuda:${device}`).join();
  return repeatedRun(
    { folder, begun: `${folder}/${RUN_FILES.plan}`, endingSeconds: ENDING_SECONDS },
    {
      program: PROGRAM,
      begin: [...PROGRAM, "train", workload, "--devices", devices, "--output", folder, ...options],
      goOn: [...PROGRAM, "resume", folder, ...options],
    },
    {
      name: kubernetesName(`loratwin-${name}`),
      machines: shareOf(machineOfGpus(slot), undefined, false),
    },
  );
}

/** Jobs of Slurm and of Kubernetes that train the kinds' workloads on a slot, as `launch` writes them. */
export function capacityJobs(best: CandidateRow, kinds: readonly JobKind[]): RunFiles {
  const gpusPerNode = best.candidate.slot;
  const alone = { numRanks: 1, hosts: [], hostfile: undefined, network: undefined };
  const line = launchLine("slurm", { ...alone, isRoot: false, openMpi: 5, pmi: "pmix", gpusPerNode });
  const image = { image: "IMAGE", program: PROGRAM, claim: "loratwin", folder: "/work" };
  return Object.fromEntries(
    kinds.flatMap((kind) => {
      const workload = workloadName(kind);
      const base = workload.replace(/\.yaml$/, "");
      const run = runOf(kind, workload, best);
      return [
        [`${base}.sbatch`, `${slurmScript(run, { line, modules: [] })}\n`],
        [`${base}.job.yaml`, kubernetesText(run, { ...image, runFolder: `runs/${kind.name}` })],
      ];
    }),
  );
}
