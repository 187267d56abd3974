import { type CandidateRow, type Catalog, type JobKind, MOST_ROWS } from "../plan/index.ts";
import { stepsOf } from "./slot-kind.ts";

/** Files by their names. */
export type RunFiles = Readonly<Record<string, string>>;

const SLOT = "slot.yaml";

/** Where a kind's workload is. */
const workloadName = ({ name }: JobKind): string => `jobs/${name}.yaml`;

/** The accelerators of a slot, as a machine: one that a job is planned and simulated on. */
function slotFile({ candidate: { accelerator, slot } }: CandidateRow): string {
  const devices = Array.from(
    { length: slot },
    (_, device) => `      - { name: "cuda:${device}", type: ${JSON.stringify(accelerator)} }`,
  );
  return [
    "# One slot: what a job trains on.",
    "kind: cluster",
    "version: 1",
    "machines:",
    "  - name: slot",
    "    devices:",
    ...devices,
    "",
  ].join("\n");
}

/** A job of a kind, by lengths alone: to plan and simulate as it is, to train once its model and rows are named. */
function workloadFile(kind: JobKind): string {
  const { name, model, rank, targets, tokens, samples, epochs, batchSize } = kind;
  const architecture = typeof model === "string" ? model : JSON.stringify(model.config);
  const lengths = `{ distribution: lognormal, mean: ${tokens.mean}, sigma: ${tokens.sigma}, max: ${tokens.max} }`;
  const long = Number.isInteger(epochs) ? `epochs: ${epochs}` : `steps: ${stepsOf(kind, samples)}`;
  return [
    `# A job of the kind ${name}, as the forecast has it on average. To train, name the model's folder and the rows:`,
    "#   model: { path: MODEL, dtype: bfloat16 }",
    "#   data: { path: ROWS.jsonl }",
    "kind: workload",
    "version: 1",
    `model: { architecture: ${architecture}, dtype: bfloat16 }`,
    "jobs:",
    `  - name: ${name}`,
    `    adapter: { rank: ${rank}, alpha: ${2 * rank}, dropout: 0, targets: [${targets.join(", ")}] }`,
    `    data: { lengths: ${lengths}, samples: ${Math.min(samples, MOST_ROWS)} }`,
    `    cutoffLength: ${tokens.max}`,
    `    batchSize: ${batchSize}`,
    `    ${long}`,
    "",
  ].join("\n");
}

/** Seconds that a job has to end in, once it is told to: for one more checkpoint. */
const NOTICE_SECONDS = 120;

/** Of `train`: how often it writes a checkpoint, where that was computed. */
function checkpointOption({ checkpointSeconds }: CandidateRow): string {
  return checkpointSeconds === null ? "" : ` --checkpoint-minutes ${(checkpointSeconds / 60).toPrecision(3)}`;
}

function devicesOf({ candidate: { slot } }: CandidateRow): string {
  return Array.from({ length: slot }, (_, device) => `cuda:${device}`).join(",");
}

/**
 * Commands of a shell that train a workload in a run folder, or go on there. `id`: a variable that is the same when the job
 * comes again.
 */
function trainingLines(best: CandidateRow, id: string, workload: string): readonly string[] {
  const checkpoint = checkpointOption(best);
  return [
    `run="runs/$${id}"`,
    `if [ -d "$run" ]; then exec npx loratwin resume "$run"${checkpoint}; fi`,
    "mkdir -p plans",
    `npx loratwin plan "${workload}" --devices ${devicesOf(best)} -o "plans/$${id}.json"`,
    `exec npx loratwin train "plans/$${id}.json" -o "$run"${checkpoint}`,
  ];
}

/** A job of Slurm: `sbatch train.sbatch WORKLOAD`. One that was taken away comes again, and goes on. */
function sbatchFile(best: CandidateRow, workload: string): string {
  return `#!/bin/bash
# Trains the jobs of a workload on one slot: sbatch train.sbatch ${workload}
#SBATCH --job-name=loratwin
#SBATCH --nodes=1
#SBATCH --gpus-per-node=${best.candidate.slot}
#SBATCH --requeue
# To the script itself, which is training by then: without B: only steps of srun are told.
#SBATCH --signal=B:TERM@${NOTICE_SECONDS}
set -euo pipefail
${trainingLines(best, "SLURM_JOB_ID", "$1").join("\n")}
`;
}

/** A job of Kubernetes, with its run on a volume that outlives it. */
function kubernetesFile(best: CandidateRow, workload: string): string {
  const lines = trainingLines(best, "JOB_NAME", "$WORKLOAD").map((line) => `              ${line}`);
  return `# Trains the jobs of a workload on one slot. IMAGE has loratwin and CUDA; the claim "loratwin" has the workload, its
# model and rows, and keeps the run: a pod that was taken away is made again, and goes on.
apiVersion: batch/v1
kind: Job
metadata:
  generateName: loratwin-
spec:
  backoffLimit: 100
  template:
    spec:
      restartPolicy: OnFailure
      terminationGracePeriodSeconds: ${NOTICE_SECONDS}
      containers:
        - name: train
          image: IMAGE
          workingDir: /work
          command: [/bin/bash, -euc]
          args:
            - |
${lines.join("\n")}
          env:
            - { name: WORKLOAD, value: ${workload} }
            - name: JOB_NAME
              valueFrom: { fieldRef: { fieldPath: "metadata.labels['job-name']" } }
          resources:
            limits: { nvidia.com/gpu: ${best.candidate.slot} }
          volumeMounts:
            - { name: work, mountPath: /work }
      volumes:
        - name: work
          persistentVolumeClaim: { claimName: loratwin }
`;
}

/** Why the answer cannot be trained with as it is; undefined where it can. */
export function notTrained(
  { candidate: { precision, accelerator } }: CandidateRow,
  catalog: Catalog,
): string | undefined {
  if (catalog.devices[accelerator]?.simulatedOnly)
    return `${accelerator} is simulated only: training is for CUDA and CPUs`;
  if (precision !== "bfloat16") return `products in ${precision} are simulated only: training takes bfloat16`;
  return undefined;
}

/**
 * What a recommendation is tried and run with: a slot as a cluster, a workload a kind, and where loratwin trains on these
 * accelerators a job of Slurm and one of Kubernetes.
 */
export function runFiles(best: CandidateRow, kinds: readonly JobKind[], isTrained: boolean): RunFiles {
  const workload = workloadName(kinds[0]!);
  return {
    [SLOT]: slotFile(best),
    ...Object.fromEntries(kinds.map((kind) => [workloadName(kind), workloadFile(kind)])),
    ...(isTrained
      ? { "train.sbatch": sbatchFile(best, workload), "train-job.yaml": kubernetesFile(best, workload) }
      : {}),
  };
}
