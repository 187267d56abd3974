import { DeviceError, InputError, PlanError } from "../../core/index.ts";
import { lostText, type World } from "../../exec/index.ts";
import type { Context } from "../../files/index.ts";
import {
  budgetsOf,
  createCostModel,
  type FleetWork,
  type PolicyFactory,
  type PolicyName,
  type Resources,
  type Setting,
} from "../../plan/index.ts";
import { type AskedFleet, type FleetModel, fleetModel, fleetPlan, settingOfFleet } from "../../sim/index.ts";
import {
  checkDevices,
  halvedSweeps,
  type LoadedRequest,
  type LoadedWorkload,
  learnedBy,
  loadRequest,
  movesOf,
  type RequestChoice,
  rankedHost,
  roomBy,
} from "../../workbench/index.ts";
import type { CheckpointRhythm } from "../checkpoints/checkpoint-rhythm.ts";
import { TensorBoardLog } from "../loggers/tensorboard.ts";
import { type FleetThatGoesOn, inputsOf, keptJobs, submissionsAgain } from "../resume/restore-jobs.ts";
import { type ResumableFleet, restoredFleet, settingToGoOnIn } from "../resume/resume-fleet.ts";
import { checkSameJob, resumeNotes } from "../resume/stopped-run.ts";
import { checkWork, startOfJob, submissionOf } from "./fleet-work.ts";
import { KnownWorks } from "./known-works.ts";
import { LiveFleet } from "./live-fleet.ts";
import { LiveFuture } from "./live-future.ts";
import type { LiveSubmission } from "./live-job.ts";
import { LiveSearch, proposedNames } from "./live-search.ts";
import { interruptionCosts } from "./seen-interruptions.ts";

/** A fleet whose devices are set up, and the jobs of its workload with the times at which they come. */
export interface OpenedFleet {
  readonly fleet: LiveFleet;
  readonly loaded: LoadedRequest["loaded"];
  readonly future: LiveFuture;
  /** Searches whose later points come as earlier ones end. */
  readonly search: LiveSearch;
  /** Of TensorBoard's event files; to be disposed of behind the fleet. */
  readonly log: TensorBoardLog | undefined;
  /** In the order of arrival. */
  readonly arrivals: readonly { readonly atSeconds: number; readonly submission: LiveSubmission }[];
  /** What a fleet that was cut off goes on from, for people. */
  readonly notes: readonly string[];
}

export interface FleetChoice {
  readonly folder: string;
  readonly policy: PolicyName | PolicyFactory;
  readonly rhythm: CheckpointRhythm;
  /** As `LiveFleetInput` has it. */
  readonly mostBytes?: number;
  /** The jobs over time of that folder, to go on with (`findResumable`). */
  readonly found?: ResumableFleet | undefined;
  /** The ranks of a fleet over several machines, of which this process is the first. */
  readonly world?: World | undefined;
  /** The folder for TensorBoard's event files; none are written when absent. */
  readonly tensorboard?: string | undefined;
}

let numFleets = 0;

/** What a thread of its own has to know of a fleet; undefined where what it does not see decides. */
function askedFleet({
  setting,
  calibration,
  policy,
  most,
  sizes,
}: Pick<AskedFleet, "setting" | "calibration"> &
  Pick<FleetChoice, "policy"> & {
    readonly most: unknown;
    readonly sizes: RequestChoice["sizes"];
  }): AskedFleet | undefined {
  if (typeof policy !== "string" || sizes === "learned") return undefined;
  numFleets += 1;
  return { id: numFleets, setting, calibration, policy, ...(typeof most === "number" ? { most } : {}) };
}

/** The jobs of a folder to go on with, checked against the pipelines that they come to. @throws InputError, PlanError */
async function fleetThatGoesOn(
  context: Context,
  found: ResumableFleet,
  { loaded, setting }: { readonly loaded: LoadedWorkload; readonly setting: Setting },
  resources: Resources,
): Promise<FleetThatGoesOn> {
  const { cache = false } = context;
  const { users } = loaded.workload;
  const restored = restoredFleet(found, resources, (job) => budgetsOf(job, users, setting.devices));
  for (const { comer } of restored.jobs) checkWork(setting, comer);
  return await context.during("reading data", async () => ({
    found,
    restored,
    jobs: keptJobs(found, restored),
    inputs: await inputsOf(found, loaded, restored.jobs, cache),
    again: await submissionsAgain(found, loaded, restored.unseen, cache),
  }));
}

/**
 * Plans the pipelines of a workload's jobs, which come over time, and sets the devices up.
 * @throws InputError, PlanError, DeviceError
 */
export async function openLiveFleet(
  context: Context,
  file: string,
  choice: RequestChoice,
  { folder, policy, rhythm, mostBytes, found, world, tensorboard }: FleetChoice,
): Promise<OpenedFleet> {
  const { request, loaded, states, placed } = await loadRequest(context, file, { ...choice, overTime: true });
  const { model, workload, data } = loaded;
  const { jobsAtOnce } = request;
  if (model === undefined)
    throw new InputError({
      expected: "a model folder to train",
      at: "model",
      got: "an architecture alone",
      hint: "Give model.path in the workload; an architecture can only be simulated.",
    });
  const lengths = workload.jobs.findIndex((_, job) => data[job]!.length === 0);
  if (lengths >= 0)
    throw new InputError({
      expected: "a data file to train on",
      at: `jobs[${lengths}].data`,
      got: workload.jobs[lengths]!.data,
      hint: "Lengths alone can only be simulated.",
    });
  try {
    const { plan, fleetOfPlan } = await context.during("planning", () => {
      const made = fleetPlan(request);
      return { plan: made, fleetOfPlan: settingOfFleet(made, request) };
    });
    const { body, works: plannedWorks } = plan;
    const planned = { ...roomBy(fleetOfPlan, choice.sizes), states };
    const setting = found === undefined ? planned : settingToGoOnIn(found, planned);
    checkDevices(setting, world);
    const costs = createCostModel(body.calibration, body.model.dtype);
    const works = new KnownWorks((found?.comers ?? []).map(({ number: _number, given: _given, ...work }) => work));
    for (const [index, job] of request.jobs.entries())
      budgetsOf(job, workload.users, setting.devices, `jobs[${index}]`);
    const limits = {
      ...(typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {}),
      ...learnedBy(choice.sizes),
    };
    const modelOf = (known: readonly FleetWork[]): FleetModel =>
      fleetModel({ setting, costs, works: known, ...limits });
    const { resources, policyOf, timesOf } = modelOf(works.all);
    const deciding = policyOf(policy);
    const { sharing } = timesOf(deciding);
    // While nothing else of the program runs.
    const moves = await movesOf({ withHistory: context.cache === true }, body.calibration, setting);
    const goesOn = found && (await fleetThatGoesOn(context, found, { loaded, setting }, resources));
    works.withdraw(goesOn?.again.length ?? 0);
    for (const number of works.all.keys()) if (goesOn?.inputs.has(number) !== true) works.over(number);
    const onFailure = (why: string): void => context.warn(`event files could not be written: ${why}`);
    const shown = { folder: tensorboard ?? "", model: setting.model.architecture, onFailure };
    const log = tensorboard === undefined ? undefined : new TensorBoardLog(shown);
    const fleet = await LiveFleet.open({
      ...{
        log,
        rhythm,
        mostBytes,
        goesOn,
        probed: moves?.now?.state,
        onFailure: (why: string) => context.warn(`no checkpoint could be written: ${why}`),
      },
      onLost: (lost) => context.warn(lostText(lost, "the others end with a checkpoint")),
      ...{
        place: context,
        folder,
        setting,
        costs,
        model,
        resources,
        sharing,
        works,
        policy: deciding,
        users: workload.users,
      },
      host: world && rankedHost(world, model, context.note),
      ...(typeof jobsAtOnce === "number" ? { jobsAtOnce } : {}),
      sweeps: halvedSweeps(context, loaded),
    });
    const known = new Map(found?.comers.map((comer) => [comer.job.name, comer]));
    const proposed = proposedNames(loaded.sweeps, workload.jobs);
    const arrivals = workload.jobs
      .flatMap((job, index) => {
        const work = plannedWorks[index]!;
        const comer = known.get(job.name);
        if (proposed.has(job.name)) return [];
        if (comer !== undefined) {
          checkSameJob(comer.job, work.job);
          return [];
        }
        const submission = { job, work, rows: data[index]!, begin: startOfJob(job, loaded) };
        return [{ atSeconds: job.arrivalSeconds, submission }];
      })
      .sort((a, b) => a.atSeconds - b.atSeconds);
    const asked = askedFleet({ setting, calibration: body.calibration, policy, most: jobsAtOnce, sizes: choice.sizes });
    const future = new LiveFuture({
      ...{ fleet, works, modelOf, moves, asked },
      interruptionsNs: found === undefined ? [] : interruptionCosts(found, Date.now()),
    });
    const numLeft = (goesOn?.inputs.size ?? 0) + (goesOn?.again.length ?? 0);
    const notes = found === undefined ? [] : resumeNotes(found, numLeft, found.comers.length - numLeft);
    const search = new LiveSearch({
      ...{ fleet, sweeps: loaded.sweeps, jobs: workload.jobs },
      submissionOf: (job) => submissionOf({ loaded, setting, cache: context.cache === true }, job),
      onFailure: (error) => context.warn(`no more points of the search come: ${String(error)}`),
    });
    return { fleet, loaded, future, search, log, arrivals, notes };
  } catch (error) {
    throw error instanceof DeviceError || error instanceof PlanError ? placed(error) : error;
  }
}
