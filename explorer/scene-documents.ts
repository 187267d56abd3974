import { isComparison } from "./comparison.ts";
import type { Scene, SceneJobs, SceneMachine, ScenePolicy, Targets } from "./scene.ts";
import { hourlyPrice } from "./scene.ts";
import type { CutScene } from "./scene-in-way.ts";

/** A scene as what the command line takes: two files, and options. */
export interface SceneDocuments {
  /** Text of a workload file. */
  readonly workload: string;
  /** Text of a cluster file. */
  readonly cluster: string;
  /** What stands behind `simulate WORKLOAD --cluster CLUSTER`. */
  readonly options: readonly string[];
}

/** The names that the files have when they are saved. */
export const WORKLOAD_FILE = "workload.yaml";
export const CLUSTER_FILE = "cluster.yaml";
export const CALIBRATION_FILE = "calibration.json";

const PROJECTIONS: Readonly<Record<Targets, string>> = {
  "queries and values": "[q_proj, v_proj]",
  attention: "[q_proj, k_proj, v_proj, o_proj]",
  all: "[q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]",
};

/** Rows of one epoch; jobs that take more begin again. */
const SAMPLES = 1000;

function lengthsText({ tokens, spread, mostTokens }: SceneJobs): string {
  if (spread === 0) return `${tokens}`;
  return `{ distribution: lognormal, mean: ${tokens}, sigma: ${spread}, max: ${mostTokens} }`;
}

/** The names of the adapters of a kind. */
export function jobNames({ name, copies }: SceneJobs): readonly string[] {
  return copies === 1 ? [name] : Array.from({ length: copies }, (_, copy) => `${name}-${copy + 1}`);
}

/** When one of a kind comes, in seconds. */
export function arrivalOfCopy({ arrivalSeconds, apartSeconds }: SceneJobs, copy: number): number {
  return arrivalSeconds + copy * apartSeconds;
}

/** What a scheduler is told of a copy; a plan without a policy has all jobs from the start. */
function arrivalLines(kind: SceneJobs, copy: number): readonly string[] {
  const { priority, user, deadlineSeconds } = kind;
  return [
    `    arrivalSeconds: ${arrivalOfCopy(kind, copy)}`,
    `    priority: ${priority}`,
    ...(user === "" ? [] : [`    user: ${JSON.stringify(user)}`]),
    ...(deadlineSeconds === 0 ? [] : [`    deadlineSeconds: ${deadlineSeconds}`]),
  ];
}

/** How rows are cut into micro-batches; nothing leaves it to the planner. */
function cutLines({ microBatchSize }: SceneJobs, tokens: number | undefined): readonly string[] {
  if (microBatchSize !== 0) return [`    microBatchSize: ${microBatchSize}`];
  return tokens === undefined ? [] : [`    microBatchTokens: ${tokens}`];
}

function jobLines(kind: SceneJobs, policy: ScenePolicy, tokens: number | undefined): readonly string[] {
  const { rank, targets, batchSize, steps, mostTokens } = kind;
  const adapter = `{ rank: ${rank}, alpha: ${2 * rank}, dropout: 0, targets: ${PROJECTIONS[targets]} }`;
  return jobNames(kind).flatMap((each, copy) => [
    `  - name: ${JSON.stringify(each)}`,
    `    adapter: ${adapter}`,
    `    batchSize: ${batchSize}`,
    ...cutLines(kind, tokens),
    `    steps: ${steps}`,
    `    cutoffLength: ${mostTokens}`,
    `    data: { lengths: ${lengthsText(kind)}, samples: ${SAMPLES} }`,
    ...(policy === "none" ? [] : arrivalLines(kind, copy)),
  ]);
}

function workloadText({ model, dtype, recompute, jobs, policy, microBatchTokens }: CutScene): string {
  return [
    "# Adapters over one model, to simulate: no weights and no data are needed, only how long the rows are.",
    "kind: workload",
    "version: 1",
    `model: { architecture: ${JSON.stringify(model)}, dtype: ${dtype} }`,
    `recompute: ${recompute}`,
    "jobs:",
    ...jobs.flatMap((kind) => jobLines(kind, policy, microBatchTokens)),
    "",
  ].join("\n");
}

/** How messages travel over a link, where that is to be said. */
function mannerOf({ transfers, messages }: Scene): readonly string[] {
  return [
    ...(transfers === "overlapped" ? [] : [`transfers: ${transfers}`]),
    ...(messages === "as computed" ? [] : [`transferDtype: ${messages}`]),
  ];
}

function machineLines(
  { type, count, link, shared }: SceneMachine,
  machine: number,
  first: number,
  manner: readonly string[],
): readonly string[] {
  const linked = [
    ...(link === "" ? [] : [`type: ${JSON.stringify(link)}`]),
    ...(shared ? ["shared: true"] : []),
    ...manner,
  ];
  return [
    `  - name: machine${machine}`,
    "    devices:",
    ...Array.from(
      { length: count },
      (_, index) => `      - { name: d${first + index}, type: ${JSON.stringify(type)} }`,
    ),
    ...(linked.length === 0 ? [] : [`    link: { ${linked.join(", ")} }`]),
  ];
}

function clusterText(scene: Scene): string {
  const { machines, networkGigabits, networkMicroseconds, network } = scene;
  const manner = mannerOf(scene);
  let first = 0;
  const lines = machines.flatMap((machine, index) => {
    const own = machineLines(machine, index, first, manner);
    first += machine.count;
    return own;
  });
  const rate = (networkGigabits * 1e9) / 8;
  const between = [
    `bandwidthBytesPerSecond: ${rate}`,
    `latencySeconds: ${networkMicroseconds / 1e6}`,
    `shared: ${network === "one for all"}`,
    ...manner,
  ];
  return [
    "# The machines of a scene of `loratwin explore`.",
    "kind: cluster",
    "version: 1",
    "machines:",
    ...lines,
    ...(machines.length === 1 ? [] : [`network: { ${between.join(", ")} }`]),
    "",
  ].join("\n");
}

function calibrationOf({ calibration }: Scene): readonly string[] {
  return calibration === "catalog" ? [] : ["--calibration", CALIBRATION_FILE];
}

/** All but the schedule of what is simulated only is in the workload. */
function optionsOf(scene: Scene): readonly string[] {
  return [
    ...calibrationOf(scene),
    ...(isComparison(scene.schedule) ? ["--schedule", scene.schedule] : planOptionsOf(scene)),
  ];
}

function planOptionsOf({
  policy,
  schedule,
  pipelines,
  groups,
  maxInFlight,
  jobsAtOnce,
  layersPerStage,
}: Scene): readonly string[] {
  const isPlanned = policy === "none";
  const given: readonly (readonly [string, string | number])[] = [
    ["--policy", isPlanned ? "auto" : policy],
    ["--schedule", schedule],
    ["--pipelines", pipelines],
    ["--max-in-flight", isPlanned ? maxInFlight : "auto"],
    ["--jobs-at-once", jobsAtOnce],
  ];
  return [
    ...given.flatMap(([name, value]) => (value === "auto" ? [] : [name, `${value}`])),
    ...(layersPerStage === "" ? [] : ["--layers-per-stage", layersPerStage]),
    ...(!isPlanned ? [] : groups === "unfused" ? ["--no-fuse"] : groups === "auto" ? [] : ["--groups", `${groups}`]),
  ];
}

/** The files and options with which the command line gives the numbers of the page. */
export function sceneDocuments(scene: CutScene): SceneDocuments {
  return { workload: workloadText(scene), cluster: clusterText(scene), options: optionsOf(scene) };
}

/** Commands to run beside the saved files: the numbers of the page, and what the run costs. */
export function sceneCommands(scene: Scene): readonly string[] {
  const { options } = sceneDocuments(scene);
  const given = [WORKLOAD_FILE, "--cluster", CLUSTER_FILE, ...options].join(" ");
  return [
    `loratwin simulate ${given} --no-intervals --json`,
    ...(scene.pricePerHour === 0 || scene.policy !== "none" || isComparison(scene.schedule)
      ? []
      : [`loratwin estimate ${given} --cost-per-hour ${hourlyPrice(scene)}`]),
  ];
}

/** Of two ways: the workload of one whose micro-batches are cut in its own way, and the plan of one that has one. */
const OWN_WORKLOADS = ["workload-a.yaml", "workload-b.yaml"] as const;
const PLAN_FILES = ["plan-a.json", "plan-b.json"] as const;

/** Two ways to train a scene as the command line compares them. */
export interface WaysDocuments {
  /** Beside the scene's own files. */
  readonly workloads: readonly { readonly file: string; readonly text: string }[];
  readonly commands: readonly string[];
}

/** What gives the difference of two ways to train a scene, beside the scene's own files. */
export function waysDocuments(scene: Scene, ways: readonly [one: CutScene, other: CutScene]): WaysDocuments {
  const { workload } = sceneDocuments(scene);
  const workloads: { file: string; text: string }[] = [];
  const plans: string[] = [];
  const given = (file: string): string => `${file} --cluster ${CLUSTER_FILE}`;
  const names = ways.map((way, index) => {
    const own = sceneDocuments(way);
    if (isComparison(way.schedule)) return way.schedule;
    const file = own.workload === workload ? WORKLOAD_FILE : OWN_WORKLOADS[index]!;
    if (file !== WORKLOAD_FILE) workloads.push({ file, text: own.workload });
    plans.push(["loratwin plan", given(file), ...own.options, "--no-intervals", "-o", PLAN_FILES[index]!].join(" "));
    return PLAN_FILES[index]!;
  });
  const isPlanned = ways.every(({ schedule }) => !isComparison(schedule));
  const asked = isPlanned ? [] : ["--workload", given(WORKLOAD_FILE), ...calibrationOf(scene)];
  return { workloads, commands: [...plans, ["loratwin compare", ...names, ...asked, "--json"].join(" ")] };
}
