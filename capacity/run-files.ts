import { type Candidate, type CandidateRow, type Catalog, type JobKind, MOST_ROWS } from "../plan/index.ts";
import { stepsOf } from "./slot-kind.ts";

/** Files by their names. */
export type RunFiles = Readonly<Record<string, string>>;

const SLOT = "slot.yaml";

/** Where a kind's workload is, in the folder of a recommendation. */
export const workloadName = ({ name }: JobKind): string => `jobs/${name}.yaml`;

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

/** Why loratwin cannot train with a candidate; undefined where it can. */
export function notTrained({ precision, accelerator }: Candidate, catalog: Catalog): string | undefined {
  if (catalog.devices[accelerator]?.simulatedOnly)
    return `${accelerator} is simulated only: training is for CUDA and CPUs`;
  if (precision !== "bfloat16") return `products in ${precision} are simulated only: training takes bfloat16`;
  return undefined;
}

/** What a recommendation is tried with: a slot as a cluster, and a workload a kind. */
export function runFiles(best: CandidateRow, kinds: readonly JobKind[]): RunFiles {
  return {
    [SLOT]: slotFile(best),
    ...Object.fromEntries(kinds.map((kind) => [workloadName(kind), workloadFile(kind)])),
  };
}
