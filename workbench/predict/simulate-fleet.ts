import { createRng, InputError } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import { VERSION } from "../../files/index.ts";
import {
  fleetPlanBody,
  type Objective,
  type Plan,
  type PolicyFactory,
  type PolicyName,
  sealPlan,
  withBetterPackings,
  withOwnWork,
} from "../../plan/index.ts";
import {
  calibrationFactors,
  type FleetActions,
  type FleetRequest,
  fleetPlan,
  fleetRanges,
  type JobRange,
  type PlannedFleet,
  pacePaths,
  plannedFleet,
  REPORTED_NS,
  type Reports,
  runStream,
  type SimulatedFleet,
  simulateFleet,
  steadyPaths,
  type TimeFactors,
} from "../../sim/index.ts";
import type { Outlook, TraceStream } from "../../traces/index.ts";
import { halvedSweeps } from "../load/halved-sweeps.ts";
import { type LoadedRequest, loadRequest, type RequestChoice } from "../load/load-request.ts";
import { unusedInSimulations } from "../load/load-workload.ts";
import { learnedBy, roomBy } from "../load/sizes.ts";
import { ownWorkOfMachine } from "../machine/own-work-history.ts";
import { forecastHalving, type HalvingForecast } from "./forecast-halving.ts";
import { fleetSamples, hasErrors, type IntervalChoice, LEVEL, movesOf } from "./predict-intervals.ts";
import { solvePackings } from "./solve-packings.ts";
import { traceFleet } from "./trace-fleet.ts";

/** A workload's jobs as they come, and the pipelines that they come to. */
export interface WorkloadFleet extends LoadedRequest {
  readonly fleet: PlannedFleet;
}

/**
 * The jobs of a workload as they come (`arrivalSeconds`), or as those of its trace do (`arrivals`). Pipelines, stages
 * and the room for adapters are those of a plan in which all jobs are there from the start, one of each kind for a trace. @throws InputError, PlanError
 */
export async function loadFleet(
  context: Context,
  file: string,
  choice: RequestChoice,
  policy: PolicyName | PolicyFactory,
): Promise<WorkloadFleet> {
  const loaded = await loadRequest(context, file, { ...choice, overTime: true });
  const { request, placed } = loaded;
  const { jobsAtOnce } = request;
  const most = typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {};
  const sized = (fleet: WorkloadFleet["fleet"]): WorkloadFleet => {
    const setting = { ...roomBy(fleet.setting, choice.sizes), states: loaded.states };
    const name = typeof policy === "string" ? policy : undefined;
    const ownWork = context.cache === true ? ownWorkOfMachine(setting.calibration, name) : undefined;
    const costs = withOwnWork(fleet.costs, setting.calibration, ownWork);
    return { ...loaded, fleet: { ...fleet, setting, costs, ...learnedBy(choice.sizes) } };
  };
  const { arrivals } = loaded.loaded.workload;
  for (const remark of unusedInSimulations(loaded.loaded)) context.note(remark);
  try {
    if (arrivals !== undefined)
      return sized({ ...(await traceFleet(context, loaded.loaded, arrivals, request)), ...most });
    return sized(
      await context.during("planning", () => plannedFleet(request, fleetPlan(request), loaded.loaded.workload.users)),
    );
  } catch (error) {
    throw placed(error);
  }
}

/** When jobs start and end on a machine whose speed moves. */
export interface FleetIntervals {
  readonly level: number;
  /** Fleets that were simulated. */
  readonly samples: number;
  readonly seed: number;
  /** In the order of arrival. */
  readonly jobs: readonly JobRange[];
}

/** A simulated fleet, and where sweeps are halved what that takes. */
export type ForecastFleet = Omit<SimulatedFleet, "actions"> & {
  readonly halving?: HalvingForecast;
  readonly intervals?: FleetIntervals;
  readonly grown?: GrownFleet;
};

/** The plan that a fleet grew, and its trace. */
export interface GrownFleet {
  readonly plan: Plan;
  readonly trace: TraceStream;
}

/** Jobs of a fleet that is simulated many times over where nobody asked for it. */
const MOST_JOBS = 200;

/** When a fleet's jobs start and end. Undefined for exact costs, and for many jobs where nobody asked. */
export async function fleetIntervals(
  context: Context,
  asked: FleetRequest,
  choice: IntervalChoice,
): Promise<FleetIntervals | undefined> {
  const { calibration } = asked.setting;
  if (!hasErrors(calibration)) return undefined;
  if (choice.samples === undefined && asked.members.length > MOST_JOBS) return undefined;
  const samples = fleetSamples(choice, asked.policy);
  const { seed } = choice;
  return await context.during("drawing fleets for intervals", async () => {
    const moves = await movesOf(choice, calibration, asked.setting);
    const factorsOf = (outlook: Outlook): TimeFactors => calibrationFactors(calibration, seed, moves, outlook);
    const paths =
      moves === undefined
        ? steadyPaths(factorsOf("been"))
        : pacePaths({ before: factorsOf("been"), atFirst: factorsOf("now"), seed });
    const reports = (draw: number): Reports => ({
      firstNs: REPORTED_NS * createRng(`reports ${seed} ${draw}`).nextFloat(),
      everyNs: REPORTED_NS,
    });
    const jobs = fleetRanges(asked, { paths, draws: samples, level: LEVEL, reports });
    return { level: LEVEL, samples, seed, jobs };
  });
}

export interface FleetForecastChoice {
  /** For `twin`. */
  readonly objective?: Objective | undefined;
  /** No intervals where absent. */
  readonly intervals?: IntervalChoice | undefined;
  /** Action by action, with a plan and a trace of all. */
  readonly byActions?: boolean;
}

/** @throws InputError for jobs that have no actions of their own */
function checkByActions({ loaded: { workload } }: WorkloadFleet, isHalved: boolean): void {
  const facts = { expected: "jobs that train to their ends, each on rows of its own,", at: "--trace" };
  if (isHalved)
    throw new InputError({
      ...facts,
      got: "a sweep that is halved",
      hint: "Which jobs of a halved sweep go on is drawn.",
    });
  if (workload.arrivals !== undefined)
    throw new InputError({
      ...facts,
      got: "jobs of a cluster's trace",
      hint: "Such a job stands for steps like those of a job of the workload. Leave `arrivals` out.",
    });
}

/** What a fleet came to action by action: its plan, as it grew, and the trace. */
function grownFleet({ loaded, fleet }: WorkloadFleet, { segments, run }: FleetActions): GrownFleet {
  const body = fleetPlanBody(fleet.setting, segments);
  const plan = sealPlan(body, loaded.locations, segments);
  const facts = { planHash: plan.hash, calibrationHash: plan.calibrationHash, versions: { loratwin: VERSION } };
  return { plan, trace: runStream(plan, run, facts) };
}

/** The jobs of a workload under a policy, in virtual time; of sweeps that are halved one of the ways it may go. @throws InputError, PlanError */
export async function simulateWorkloadFleet(
  context: Context,
  file: string,
  choice: RequestChoice,
  policy: PolicyName | PolicyFactory,
  { objective, intervals: draws, byActions = false }: FleetForecastChoice = {},
): Promise<ForecastFleet> {
  const given = await loadFleet(context, file, choice, policy);
  const { fleet, loaded, placed } = given;
  const sweeps = halvedSweeps(context, loaded);
  try {
    const asked = { ...fleet, policy, ...(objective === undefined ? {} : { objective }) };
    if (byActions) {
      checkByActions(given, sweeps.length > 0);
      const { actions, ...simulated } = await withBetterPackings(
        (pack) => simulateFleet({ ...asked, pack, granularity: "actions" }),
        solvePackings(context),
      );
      return { ...simulated, grown: grownFleet(given, actions!) };
    }
    if (sweeps.length === 0) {
      const simulated = await withBetterPackings((pack) => simulateFleet({ ...asked, pack }), solvePackings(context));
      const intervals = draws && (await fleetIntervals(context, asked, draws));
      return intervals === undefined ? simulated : { ...simulated, intervals };
    }
    // As a live fleet packs them: of many draws each would have problems of its own to solve.
    const { fleet: first, halving } = forecastHalving(asked, sweeps);
    return { ...first, halving };
  } catch (error) {
    throw placed(error);
  }
}
