import { PlanError } from "../../core/index.ts";
import { evaluatesAfter, isOfBase } from "../actions/evaluation.ts";
import { comparedSizes } from "../actions/job-rows.ts";
import { largestSizes } from "../actions/mini-batch.ts";
import { isSample } from "../actions/samples.ts";
import { answersOf, hasDivergence } from "../documents/loss.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { ComparedRow, MicroBatch, PlannedJob, PlannedRow } from "../documents/segment.ts";

/** What is done behind a step: the adapter is evaluated, or the base alone, the first time; or prompts are answered. */
type Behind = "evaluation" | "evaluation of the base" | "sample";

function isDue({ evaluation, sample, steps }: PlannedJob, key: Behind, step: number): boolean {
  const asked = key === "sample" ? sample : evaluation;
  if (asked === undefined || !evaluatesAfter(asked, step, steps)) return false;
  return key !== "evaluation of the base" || (evaluation?.base === true && step < asked.everySteps);
}

/** What is done behind the steps of each job: with the same rows, after those that are due. */
class EvaluationCheck {
  readonly #plan: PlanBody;
  readonly #key: Behind;
  /** By job and step of its own, the rows that it is evaluated on. */
  readonly #rows: readonly Map<number, number[]>[];

  constructor(plan: PlanBody, key: Behind) {
    this.#plan = plan;
    this.#key = key;
    this.#rows = plan.jobs.map(() => new Map());
  }

  add(job: number, step: number, row: number): void {
    const rows = this.#rows[job]!.get(step) ?? [];
    this.#rows[job]!.set(step, rows);
    rows.push(row);
  }

  check(trained: readonly number[]): void {
    this.#plan.jobs.forEach((planned, job) => {
      const { name, firstStep = 0 } = planned;
      const due = Array.from({ length: trained[job]! - firstStep }, (_, step) => firstStep + step).filter((step) =>
        isDue(planned, this.#key, step),
      );
      const rows = this.#rows[job]!;
      const first = rows.get(due[0] ?? -1)?.join();
      const wrong = [...new Set([...due, ...rows.keys()])].find(
        (step) => rows.get(step) === undefined || rows.get(step)!.join() !== first || !due.includes(step),
      );
      if (wrong !== undefined)
        throw new PlanError({
          expected: due.includes(wrong)
            ? `the ${this.#key} of job ${name} after its step ${wrong}, of the rows that it always has`
            : `no ${this.#key} of job ${name} after its step ${wrong}`,
          at: "microBatches",
          got: rows.get(wrong) ?? "no rows",
        });
    });
  }
}

/** What is known of a job's rows: one row, or part of one, has one length and one number of scored tokens everywhere. */
class RowSizes {
  readonly #sizes: readonly Map<number, number>[];

  constructor(numJobs: number) {
    this.#sizes = Array.from({ length: numJobs }, () => new Map());
  }

  /** Whether a row is as it was before. */
  agrees([job, data, rowTokens, scored, compared]: PlannedRow): boolean {
    const sizes = this.#sizes[job]!;
    // The base answers a prompt the first time only.
    const tokens = compared?.generates === undefined ? rowTokens : compared.answers[0]![0];
    const row = 3 * data + (compared?.part === undefined ? 0 : compared.part === "own" ? 1 : 2);
    // Fewer tokens are scored than there are, and a model has at most 2^24 positions.
    const size = tokens * 2 ** 26 + scored;
    const known = sizes.get(row);
    if (known === undefined) sizes.set(row, size);
    return known === undefined || known === size;
  }
}

/** Whether a row is a prompt that its job answers, by the adapter alone or by the base, too. */
function isPrompt(
  tokens: number,
  scored: number,
  { answers, generates, ...rest }: ComparedRow,
  sample: PlannedJob["sample"],
): boolean {
  const [length, ...others] = answers[0]!;
  const isAlone = answers.length === 1 && Object.keys(rest).length === 0;
  const isWhole = scored === 0 && others[0] === 0 && others[1] === length;
  return isAlone && isWhole && (tokens === length || tokens === 2 * length) && generates === sample?.maxTokens;
}

/** Whether a row has the answers, and as many tokens, as its job's loss compares. */
function hasItsAnswers(
  [, , tokens, scored, compared]: PlannedRow,
  { loss, sample, evaluation }: Pick<PlannedJob, "loss" | "sample" | "evaluation">,
  positions: number,
): boolean {
  if (compared?.base === true) {
    const [[length, own, prompt] = [0, 0, 0], ...others] = compared.answers;
    const isWhole = length === tokens && own === scored && prompt === tokens - scored;
    const isPlain = loss === undefined && others.length === 0 && Object.keys(compared).length === 2;
    return evaluation?.base === true && isWhole && isPlain;
  }
  if (compared?.generates !== undefined)
    return compared.answers[0]![0] + compared.generates <= positions && isPrompt(tokens, scored, compared, sample);
  if (loss === undefined || compared === undefined) return loss === undefined && compared === undefined;
  const { answers, isDesirable, part } = compared;
  if (part !== undefined && !hasDivergence(loss)) return false;
  const sizes = comparedSizes(loss, [compared]);
  return (
    answers.length === (part === undefined ? answersOf(loss) : 1) &&
    (loss.kind === "kto" || isDesirable === undefined) &&
    answers.every(([length, own, prompt]) => own > 0 && prompt + own <= length) &&
    sizes.tokens[0] === tokens &&
    sizes.scored[0] === scored
  );
}

/** The parts of a mini-batch, and those of its evaluation, are numbered one after another. */
class PartNumbers {
  readonly #next = new Map<string, number>();

  /** The number that the next part has. */
  take({ group, step, evaluation }: Pick<MicroBatch, "group" | "step" | "evaluation">): number {
    const key = `${group} ${step} ${evaluation === true}`;
    const part = this.#next.get(key) ?? 0;
    this.#next.set(key, part + 1);
    return part;
  }
}

/**
 * Rows: every job's batchSize rows in every one of its steps, of which so many are trained, inside the group that trains
 * them, within its room.
 */
export function checkMicroBatches(plan: PlanBody, trained: readonly number[]): void {
  const membersOf = plan.groups.map(({ members }) => new Map(members.map((member) => [member.job, member])));
  const begins = plan.jobs.map(({ firstStep = 0 }) => firstStep);
  const [rows, others] = [0, 1].map(() => trained.map((steps, job) => new Uint32Array(steps - begins[job]!))) as [
    Uint32Array[],
    Uint32Array[],
  ];
  const longest = plan.model.architecture.maxPositions;
  const sizes = new RowSizes(plan.jobs.length);
  const parts = new PartNumbers();
  const evaluations = new EvaluationCheck(plan, "evaluation");
  const bases = new EvaluationCheck(plan, "evaluation of the base");
  const samples = new EvaluationCheck(plan, "sample");
  const begun = new Set<string>();
  plan.microBatches.forEach((microBatch, index) => {
    if (microBatch.index !== index || plan.groups[microBatch.group] === undefined)
      throw new PlanError({
        expected: `micro-batch ${index} of a known group`,
        at: `microBatches[${index}]`,
        got: microBatch.index,
      });
    const part = parts.take(microBatch);
    if (microBatch.part !== part)
      throw new PlanError({ expected: `part ${part}`, at: `microBatches[${index}].part`, got: microBatch.part });
    const miniBatch = `${microBatch.group} ${microBatch.step}`;
    if (microBatch.evaluation === undefined) begun.add(miniBatch);
    else if (!begun.has(miniBatch))
      throw new PlanError({
        expected: "the micro-batches of an evaluation behind those of its step",
        at: `microBatches[${index}]`,
        got: microBatch,
      });
    const members = membersOf[microBatch.group]!;
    const { firstStage, endStage, room } = plan.pipelines[plan.groups[microBatch.group]!.pipeline]!;
    const { maxTokens, maxSequence, maxJobs } = room;
    if (isSample(microBatch) && endStage - firstStage > 1)
      throw new PlanError({
        expected: "prompts answered on a pipeline of one stage",
        at: `microBatches[${index}]`,
        got: `${endStage - firstStage} stages`,
      });
    let [numJobs, last] = [0, -1];
    for (const planned of microBatch.rows) {
      const [job, row, tokens, scored, compared] = planned;
      const spec = plan.jobs[job];
      const member = members.get(job);
      const step = (member?.firstStep ?? 0) + microBatch.step;
      if (
        spec === undefined ||
        member === undefined ||
        step >= member.endStep ||
        scored >= tokens ||
        !hasItsAnswers(planned, spec, longest) ||
        Math.max(...(compared?.answers ?? [[tokens]]).map(([length]) => length)) > Math.min(spec.cutoffLength, longest)
      ) {
        throw new PlanError({
          expected: "rows of the group's jobs, within their steps, cutoff lengths and the model's positions",
          at: `microBatches[${index}].rows`,
          got: [job, tokens, scored, ...(compared === undefined ? [] : [compared])],
        });
      }
      if (job < last || !sizes.agrees(planned))
        throw new PlanError({
          expected: "rows in the order of their jobs, each with one length and one number of scored tokens",
          at: `microBatches[${index}].rows`,
          got: planned,
        });
      if (job !== last) numJobs += 1;
      last = job;
      if (microBatch.evaluation === true)
        (compared?.base ? bases : compared?.generates === undefined ? evaluations : samples).add(job, step, row);
      else if (compared?.base)
        throw new PlanError({
          expected: "rows of the base alone in evaluations",
          at: `microBatches[${index}].rows`,
          got: planned,
        });
      else if (compared?.part === "other") others[job]![step - begins[job]!]! += 1;
      else rows[job]![step - begins[job]!]! += 1;
      if (compared?.part === "own" && others[job]![step - begins[job]!] !== spec.batchSize)
        throw new PlanError({
          expected: `all answers that belong to other rows before the rows of step ${step} of job ${spec.name}`,
          at: `microBatches[${index}].rows`,
          got: planned,
        });
    }
    const isMixed = microBatch.rows.some(([, , , , own]) => (own?.generates !== undefined) !== isSample(microBatch));
    if (isMixed || (isSample(microBatch) && microBatch.evaluation === undefined))
      throw new PlanError({
        expected: "prompts that are answered in micro-batches of their own, behind their step",
        at: `microBatches[${index}].rows`,
        got: microBatch.rows,
      });
    if (microBatch.rows.some(([, , , , own]) => (own?.base === true) !== isOfBase(microBatch)))
      throw new PlanError({
        expected: "rows of the base alone in micro-batches of their own",
        at: `microBatches[${index}].rows`,
        got: microBatch.rows,
      });
    const largest = largestSizes([microBatch]);
    const { sample = { sequences: 0, tokens: 0 } } = largest;
    if (sample.sequences > (room.sample?.sequences ?? 0) || sample.tokens > (room.sample?.tokens ?? 0))
      throw new PlanError({
        expected: "at most as many prompts, and tokens of one with its answer, as its pipeline has room for",
        at: `microBatches[${index}].rows`,
        got: sample,
      });
    if (largest.maxTokens > maxTokens || largest.maxSequence > maxSequence || numJobs > maxJobs)
      throw new PlanError({
        expected: `at most ${maxTokens} tokens, ${maxSequence} in a row, of ${maxJobs} jobs, as its pipeline has room for`,
        at: `microBatches[${index}].rows`,
        got: { tokens: largest.maxTokens, inARow: largest.maxSequence, jobs: numJobs },
      });
  });
  plan.jobs.forEach((job, index) => {
    const at = rows[index]!.findIndex((count) => count !== job.batchSize);
    if (at >= 0)
      throw new PlanError({
        expected: `${job.batchSize} rows of job ${job.name} in step ${begins[index]! + at}`,
        at: "microBatches",
        got: rows[index]![at],
      });
  });
  evaluations.check(trained);
  bases.check(trained);
  samples.check(trained);
}
