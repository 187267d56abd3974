import { contentHash, InputError, InvariantError, maximum, PlanError } from "../../core/index.ts";
import { orderKeys } from "../actions/order.ts";
import { onePipeline } from "../actions/pipelines.ts";
import type { PlanBody } from "../documents/plan.ts";
import { targetsOf } from "../documents/projections.ts";
import { withGraphRoom } from "../memory/graph-room.ts";
import { validatePlan } from "../validate/validate-plan.ts";
import type { Trial } from "./candidate.ts";
import { onWholeDevices } from "./divide.ts";
import { type Division, nearlyBest, tryDivisions } from "./divisions.ts";
import { explain, type PlanExplanation } from "./explanation.ts";
import { joinPipelines } from "./join-pipelines.ts";
import type { Costed, PlanRequest } from "./request.ts";
import { type SettledDivision, settleDivision } from "./settle-division.ts";
import { checkWeightsFit } from "./weights-fit.ts";

/** A plan, and why it is as it is. */
export interface ReasonedPlan {
  readonly body: PlanBody;
  readonly explanation: PlanExplanation;
}

/** @throws InputError for jobs that the model cannot train, or that come later */
export function checkJobs({ jobs, rows, architecture }: Pick<PlanRequest, "jobs" | "rows" | "architecture">): void {
  const longest = architecture.maxPositions;
  const own = targetsOf(architecture);
  jobs.forEach(({ arrivalSeconds, cutoffLength, adapter }, job) => {
    const other = adapter.targets.find((target) => !own.includes(target));
    if (other !== undefined)
      throw new InputError({
        expected: `one of the model's projections, ${own.join(", ")},`,
        at: `jobs[${job}].adapter.targets`,
        got: other,
      });
    if (arrivalSeconds > 0)
      throw new InputError({
        expected: "jobs that are there from the start",
        at: `jobs[${job}].arrivalSeconds`,
        got: arrivalSeconds,
        hint: "Arrivals need a job scheduler; a static plan has none. Leave arrivalSeconds out.",
      });
    const { tokens, compared, sample } = rows[job]!;
    // Prompts were looked at when they were read, with room for their answers.
    const numRows = sample?.rows[0] ?? tokens.length;
    for (let row = 0; row < numRows; row += 1) {
      const length = compared === undefined ? tokens[row]! : maximum(compared[row]!.answers.map(([own]) => own));
      if (length > longest)
        throw new InputError({
          expected: `at most ${longest}, the model's positions,`,
          at: `jobs[${job}].cutoffLength`,
          got: cutoffLength,
          hint: `Row ${row} has ${length} tokens: a lower cutoffLength cuts it.`,
        });
    }
  });
}

/** The plan of one pipeline, as it was settled; its prediction is left open. */
function bodyOf(request: Costed, { ordered, laidOut }: Trial): PlanBody {
  const { draft, limits, orders, inFlight } = ordered;
  const { buffers, memory } = laidOut();
  return {
    schedule: draft.schedule,
    maxInFlight: limits.count === null && limits.units === null ? null : inFlight.map((peak) => Math.max(1, peak)),
    model: {
      architecture: request.architecture,
      dtype: request.dtype,
      digest: request.modelDigest,
      ...(request.weightsDigest === undefined ? {} : { weightsDigest: request.weightsDigest }),
    },
    devices: [...request.devices],
    links: [...request.links],
    stages: [...draft.stages],
    pipelines: onePipeline(request.architecture, draft.stages.length, draft),
    jobs: [...draft.jobs],
    groups: [...draft.groups],
    microBatches: [...draft.microBatches],
    actions: orders.map((order, stage) => orderKeys(stage, order)),
    buffers: [...buffers],
    memory: [...memory],
    slots: "placed",
    calibration: request.calibration,
    calibrationHash: contentHash(request.calibration),
    predicted: null,
  };
}

function wholeBody({ division: { chains }, trials }: SettledDivision): PlanBody {
  const body = joinPipelines(
    chains.map(({ chain }, i) => ({ jobs: chain.jobs, body: bodyOf(chain.request, trials[i]!) })),
  );
  // Other programs than the executor say themselves what they take.
  return chains.some(({ chain }) => chain.request.program !== undefined) ? body : withGraphRoom(body);
}

/** Of divisions that are so much slower by their probes the best way alone is planned in full. */
const WORTH_MORE = 1.03;

/**
 * The plans of the divisions that are nearly as fast as the best: the fastest of them by the simulator, the first of
 * equal ones. @throws PlanError when none fits
 */
function fastest(divisions: readonly Division[], simulatedNs: PlanRequest["simulatedNs"]) {
  const near = nearlyBest(divisions);
  const leastNs = Math.min(...near.map(({ wholeNs }) => wholeNs));
  let failure: unknown;
  const settled = near.flatMap((division) => {
    try {
      const isOneEnough = division.wholeNs > WORTH_MORE * leastNs;
      return settleDivision(division, isOneEnough).map((each) => ({ of: division, ...each, body: wholeBody(each) }));
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      failure ??= error;
      return [];
    }
  });
  if (settled.length === 0) throw failure ?? new InvariantError({ expected: "a division into pipelines", got: 0 });
  const judge = settled.length > 1 ? simulatedNs : undefined;
  return settled
    .map((each) => ({ ...each, ns: judge?.(each.body) ?? each.division.wholeNs }))
    .sort((a, b) => a.ns - b.ns)[0]!;
}

/**
 * Makes and checks a plan, and says why it is as it is. For each number of pipelines and each of its chains: proposes
 * ways to do the work, orders each on a probe, lays it out, judges it by predicted time within memory (`searchChain`),
 * and plans the whole run the best way (`settleWhole`). Its prediction is left open.
 * @throws PlanError when it does not fit, with the table of what each device needs.
 * @throws InputError for jobs that cannot be planned.
 */
export function reasonedPlan(asked: PlanRequest): ReasonedPlan {
  const planRequest = onWholeDevices(asked);
  checkJobs(planRequest);
  checkWeightsFit(planRequest);
  const divisions = tryDivisions(planRequest);
  const { of, division, body } = fastest(divisions, planRequest.simulatedNs);
  validatePlan(body);
  return { body, explanation: explain([division, ...divisions.filter((each) => each !== of)]) };
}

/** `reasonedPlan` without the reasons. @throws PlanError, InputError */
export function makePlan(request: PlanRequest): PlanBody {
  return reasonedPlan(request).body;
}
