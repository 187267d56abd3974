import { costsFacts } from "../calibration/index.ts";
import { canonicalJson, InputError } from "../core/index.ts";
import {
  assumedCalibration,
  CATALOG,
  type Calibration,
  type ConsideredWay,
  calibrationSchema,
  checkDocument,
  clusterSchema,
  isLengthData,
  jobsOn,
  lengthRows,
  type Plan,
  type PlanChoices,
  type PlanRequest,
  parseWorkload,
  readText,
  resolveDevices,
  resolveLinks,
  resolveStates,
  type StatesRoom,
  sealPlan,
  stageText,
  workloadArchitecture,
  workloadRequest,
} from "../plan/index.ts";
import { buildReportData, type ReportData } from "../reports/index.ts";
import { fleetSchedule, planAndPredict } from "../sim/index.ts";
import { heldTrace, type RunMetrics, runMetrics, type SeenWay, type TraceStream } from "../traces/index.ts";
import { isComparison } from "./comparison.ts";
import type { Scene } from "./scene.ts";
import {
  CALIBRATION_FILE,
  CLUSTER_FILE,
  type SceneDocuments,
  sceneDocuments,
  WORKLOAD_FILE,
} from "./scene-documents.ts";
import type { CutScene } from "./scene-in-way.ts";

/** A stage as the page shows it. */
export interface StageAnswer {
  readonly device: string;
  readonly type: string;
  readonly layers: string;
  /** What the plan reserves. */
  readonly memoryBytes: number;
  /** null for abstract devices. */
  readonly capacityBytes: number | null;
  /** Of the run, how much its device computes. */
  readonly busyShare: number;
}

/** What the planner and the simulator say of a scene. */
export interface SceneAnswer {
  readonly metrics: RunMetrics;
  /** What `simulate --no-intervals --json` prints. */
  readonly json: string;
  /** How far off times are to be expected, as a share; 0 for exact ones. */
  readonly meanError: number;
  /** Where times come from; absent for constant ones. */
  readonly source?: string;
  readonly schedule: string;
  readonly numPipelines: number;
  readonly numGroups: number;
  readonly stages: readonly StageAnswer[];
  /** Ways that the planner looked at, the chosen one first. */
  readonly ways: readonly ConsideredWay[];
}

/** A way to train a scene, and its timeline with the critical path. */
export interface ShownWay {
  readonly way: SeenWay;
  readonly report: ReportData;
}

/** An answer with the run behind it. */
export interface SimulatedScene {
  readonly answer: SceneAnswer;
  readonly plan: Plan;
  readonly trace: TraceStream;
}

/** Nothing of a scene is of the machine that the page is open on. */
const NO_HOST = { memoryBytes: 0, cores: () => 0 };

/** The options of a scene that a plan is asked for with; those of its files are in the workload. */
function sceneChoices(scene: Scene): PlanChoices {
  const { policy, schedule, pipelines, groups, maxInFlight, jobsAtOnce, layersPerStage } = scene;
  const layers = layersPerStage === "" ? {} : { layersPerStage: layersPerStage.split(",").map(Number) };
  if (policy !== "none") return { schedule: fleetSchedule(schedule), pipelines, jobsAtOnce, ...layers };
  if (isComparison(schedule)) return {};
  return { schedule, pipelines, groups, maxInFlight, jobsAtOnce, ...layers };
}

/** The calibration that was read last: changes of a scene leave it as it is. */
let lastRead: { readonly text: string; readonly calibration: Calibration } | undefined;

function readCalibration(text: string): Calibration {
  if (lastRead?.text !== text) {
    const source = readText(text, CALIBRATION_FILE);
    lastRead = { text, calibration: checkDocument(calibrationSchema, source.value, source) };
  }
  return lastRead.calibration;
}

/** The cluster of a scene, and its devices. @throws InputError */
function sceneCluster({ cluster: text }: Pick<SceneDocuments, "cluster">) {
  const source = readText(text, CLUSTER_FILE);
  const cluster = checkDocument(clusterSchema, source.value, source);
  return { cluster, devices: resolveDevices(cluster, CATALOG, NO_HOST) };
}

/** Where states of jobs on no device are kept. @throws InputError */
export function sceneStates(scene: Scene): StatesRoom {
  const { cluster, devices } = sceneCluster(sceneDocuments(scene));
  return resolveStates(cluster, devices, { catalog: CATALOG, host: NO_HOST, given: undefined });
}

/**
 * The question that a scene's files put to the planner, read as the command line reads them. `calibration`: text of a
 * calibration file, where times are not the catalog's. @throws InputError
 */
export function sceneRequest(scene: CutScene, calibration?: string): PlanRequest {
  const documents = sceneDocuments(scene);
  const parsed = parseWorkload(documents.workload, WORKLOAD_FILE);
  const architecture = workloadArchitecture(parsed);
  const workload = { ...parsed, jobs: jobsOn(architecture, parsed.jobs) };
  const { cluster, devices } = sceneCluster(documents);
  const { dtype } = workload.model;
  return workloadRequest(
    workload,
    {
      architecture,
      dtype,
      modelDigest: null,
      rows: workload.jobs.map((job) => {
        if (!isLengthData(job.data)) throw new InputError({ expected: "lengths", got: job.data });
        return lengthRows(job, job.data);
      }),
      devices,
      links: resolveLinks(cluster, devices, CATALOG),
      calibration:
        calibration === undefined
          ? assumedCalibration(CATALOG, devices, dtype, architecture).calibration
          : readCalibration(calibration),
    },
    sceneChoices(scene),
  );
}

function stageAnswers(plan: Plan, { devices }: RunMetrics): readonly StageAnswer[] {
  return plan.stages.map((stage, index) => {
    const { name, type, memoryBytes } = plan.devices[stage.device]!;
    const { busySeconds, idleSeconds } = devices[stage.device]!;
    const seconds = busySeconds + idleSeconds;
    return {
      device: name,
      type,
      layers: stageText(stage),
      memoryBytes: plan.memory[index]!.total,
      capacityBytes: memoryBytes,
      busyShare: seconds === 0 ? 0 : busySeconds / seconds,
    };
  });
}

/** Plans and simulates a request, as `simulate` does. @throws InputError, PlanError as `planAndPredict` */
export function simulateRequest(request: PlanRequest): SimulatedScene {
  const { body, trace: unnamed, explanation } = planAndPredict(request);
  const plan = sealPlan(body, { model: null, data: {}, init: {} });
  const trace = { ...unnamed, planHash: plan.hash };
  const metrics = runMetrics(plan, trace);
  const costs = costsFacts(plan.calibration);
  const answer: SceneAnswer = {
    metrics,
    json: canonicalJson({ ...metrics, costs }),
    meanError: costs.meanError,
    ...(costs.source === undefined ? {} : { source: costs.source }),
    schedule: plan.schedule,
    numPipelines: plan.pipelines.length,
    numGroups: plan.groups.length,
    stages: stageAnswers(plan, metrics),
    ways: explanation.ways,
  };
  return { answer, plan, trace };
}

/** The timeline of a simulated plan, and all that is drawn with it. */
export function planReport({ plan, trace }: Pick<SimulatedScene, "plan" | "trace">, way?: SeenWay): ReportData {
  return buildReportData({ title: "", plan, traces: [heldTrace(trace)], ways: [way] });
}
