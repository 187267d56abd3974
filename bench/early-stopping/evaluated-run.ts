import { countScored, orderRows, type Row } from "../../datasets/index.ts";
import { type AdapterPair, type BaseModel, initialPairs } from "../../exec/index.ts";
import type { JobInput } from "../../exec/job-input.ts";
import { listener } from "../../exec/run-event.ts";
import { Session } from "../../exec/session.ts";
import { localHost } from "../../exec/stage-host.ts";
import { settingOf } from "../../plan/actions/segments.ts";
import { constantCalibration, type Job, makePlan, type PlanBody, type Setting, type Work } from "../../plan/index.ts";
import { devicesOf } from "../workload.ts";

export interface EvaluatedJob {
  readonly job: Job & { readonly steps: number };
  readonly rows: readonly Row[];
  /** Rows that are not trained on. */
  readonly heldOut: readonly Row[];
  /** Iterations between two evaluations; divides the job's steps. */
  readonly every: number;
}

export interface EvaluatedRun {
  /** Of every iteration: sum of token losses / scored tokens of its mini-batch. */
  readonly training: readonly number[];
  /** The same over the held-out rows, with the adapter as it was after every `every` iterations. */
  readonly evaluation: readonly number[];
}

/** So small that an update changes no number of an adapter: a step of such a job is an evaluation. */
const NO_LEARNING = 1e-30;

function planOf(model: BaseModel, { job, rows, heldOut }: EvaluatedJob): PlanBody {
  const probe = {
    ...job,
    name: "held-out",
    batchSize: heldOut.length,
    microBatchSize: heldOut.length,
    steps: 1,
    optimizer: {
      name: "adamw" as const,
      learningRate: NO_LEARNING,
      betas: job.optimizer.betas,
      eps: 1e-8,
      weightDecay: 0,
    },
  };
  const rowsOf = (of: readonly Row[], { seed, batchSize, steps }: EvaluatedJob["job"], shuffle: boolean) => ({
    tokens: of.map((row) => row.inputIds.length),
    scored: of.map(countScored),
    digest: null,
    steps: orderRows(of.length, { seed, shuffle, batchSize, steps }).map((step) => [...step]),
  });
  return makePlan({
    architecture: model.architecture,
    dtype: "float32",
    modelDigest: null,
    recompute: "none",
    jobs: [job, probe],
    rows: [rowsOf(rows, job, true), rowsOf(heldOut, probe, false)],
    devices: devicesOf([1]),
    links: [],
    calibration: constantCalibration(),
    schedule: "sequential",
    maxInFlight: "auto",
    groups: "unfused",
  });
}

/** The plan's setting, with room for the adapters of job and evaluation at once, for work that comes piece by piece. */
function growingSetting(plan: PlanBody): Setting {
  const memory = plan.memory.map((stage) => ({
    ...stage,
    adapters: 2 * stage.adapters,
    optimizer: 2 * stage.optimizer,
    total: stage.total + stage.adapters + stage.optimizer,
  }));
  return { ...settingOf(plan), memory, slots: "first-fit" };
}

/** Cuts the work of job and evaluations into pieces that are numbered one after the other. */
class Pieces {
  readonly #plan: PlanBody;
  readonly #every: number;
  readonly #training: PlanBody["microBatches"];
  #numMicroBatches = 0;
  #numGroups = 0;
  #last: number | undefined;
  #step = 0;

  constructor(plan: PlanBody, every: number) {
    this.#plan = plan;
    this.#every = every;
    this.#training = plan.microBatches.filter(({ group }) => group === 0);
  }

  /** With `evaluates`, an evaluation of the adapter as it is; then the job's next iterations. */
  next(evaluates: boolean): Work {
    const [job, probe] = this.#plan.jobs;
    const jobs = evaluates ? [probe!] : [job!];
    const number = this.#numGroups;
    this.#numGroups += 1;
    const member = { job: number, firstStep: 0, endStep: jobs[0]!.steps };
    const microBatches: Work["microBatches"] = [];
    const actions: string[] = [];
    const add = (group: number, step: number, after: number[], rows: Work["microBatches"][number]["rows"]): void => {
      const index = this.#numMicroBatches;
      this.#numMicroBatches += 1;
      microBatches.push({ index, group, step, part: 0, after, rows });
      actions.push(...["F", "B", "U"].map((letter) => `0${letter}${index}`));
    };
    if (evaluates) {
      const { rows } = this.#plan.microBatches.find(({ group }) => group === 1)!;
      add(
        number,
        0,
        [],
        rows.map(([, ...row]): (typeof rows)[number] => [number, ...row]),
      );
    }
    const end = Math.min(this.#step + this.#every, job!.steps);
    for (; this.#step < end; this.#step += 1) {
      const { rows } = this.#training[this.#step]!;
      add(0, this.#step, this.#last === undefined ? [] : [this.#last], rows);
      this.#last = this.#numMicroBatches - 1;
    }
    return { jobs, groups: [{ pipeline: 0, members: [member] }], microBatches, actions: [actions] };
  }
}

/**
 * Trains a job on one core, and after every so many iterations computes the loss of held-out rows with its adapter: an
 * evaluation is one step of a job of its own that starts from the adapter and whose learning rate changes nothing.
 * @throws DeviceError
 */
export async function evaluatedRun(model: BaseModel, input: EvaluatedJob): Promise<EvaluatedRun> {
  const { job, rows, heldOut, every } = input;
  const plan = planOf(model, input);
  const pieces = new Pieces(plan, every);
  const [training, evaluation]: [number[], number[]] = [[], []];
  using host = localHost();
  const append = (evaluated?: readonly AdapterPair[]): void => {
    const start = { parameters: evaluated ?? initialPairs(job, model.architecture) };
    const inputs: readonly JobInput[] = [{ rows: evaluated === undefined ? rows : heldOut, start }];
    session.append(pieces.next(evaluated !== undefined), inputs);
  };
  const session: Session = await Session.open(host, {
    setting: growingSetting(plan),
    model,
    onEvent: listener({
      stepped: ({ metrics }) => void (metrics.job === job.name ? training : evaluation).push(metrics.loss),
      completed() {
        if (session.numAhead === 0 && training.length < job.steps)
          append(session.adapterOf(0) as readonly AdapterPair[]);
      },
      ended({ job: number, adapter }) {
        if (number !== 0) return;
        append(adapter);
        session.close();
      },
    }),
  });
  append();
  await session.run();
  return { training, evaluation };
}
