import { InvariantError } from "../../core/index.ts";
import type { PlannedLetter } from "../actions/action.ts";
import { signalsOf } from "../actions/dependencies.ts";
import { activeMembers, addTo, type MiniBatch, type Numbered, type OpenMiniBatch } from "../actions/mini-batch.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import type { MicroBatch, PlannedGroup, PlannedJob, Work } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";

/** What a segment has brought that is in flight. */
export interface LivePiece {
  readonly work: Work;
  /** Numbers of its micro-batches: the first, and one past the last. */
  readonly firstMicroBatch: number;
  readonly endMicroBatch: number;
  /** By micro-batch, from its first. */
  readonly miniBatches: readonly MiniBatch[];
  /** Actions of its micro-batches that have not ended, on all stages. */
  left: number;
}

interface GroupUse {
  /** Pieces with micro-batches of it. */
  pieces: number;
  /** Members that another group has not taken over, and that have steps left. */
  readonly members: Set<number>;
}

/** Mini-batches of a piece of work, by micro-batch from its first. */
function miniBatchesOf({ microBatches }: Work): readonly MiniBatch[] {
  const known = new Map<string, OpenMiniBatch>();
  return microBatches.map((microBatch) => {
    const { group, step } = microBatch;
    const key = `${group} ${step}`;
    const miniBatch = known.get(key) ?? { group, step, microBatches: [] };
    known.set(key, miniBatch);
    addTo(miniBatch, microBatch);
    return miniBatch;
  });
}

/**
 * The work of a plan as far as it has come and has not ended: what the simulator and the executor look up while segments
 * come one by one. What has ended is forgotten, so that a run of any length holds no more than what is in flight.
 */
export class LiveWork {
  readonly #setting: Pick<Setting, "stages" | "pipelines">;
  readonly #isFirst: (stage: number) => boolean;
  /** Oldest first; neighbours in numbers of micro-batches. */
  #pieces: LivePiece[] = [];
  #found: LivePiece | undefined;
  #nextJob = 0;
  #nextGroup = 0;
  #nextMicroBatch = 0;
  readonly #jobs: Record<number, PlannedJob> = {};
  readonly #groups: Record<number, PlannedGroup> = {};
  readonly #uses = new Map<number, GroupUse>();
  /** By job, the newest of its groups. */
  readonly #groupOf = new Map<number, number>();

  constructor(setting: Pick<Setting, "stages" | "pipelines">) {
    this.#setting = setting;
    this.#isFirst = pipelineTable(setting).isFirst;
  }

  get jobs(): Numbered<PlannedJob> {
    return this.#jobs;
  }

  get groups(): Numbered<PlannedGroup> {
    return this.#groups;
  }

  /** Number of the job that comes next. */
  get nextJob(): number {
    return this.#nextJob;
  }

  append(work: Work): LivePiece {
    for (const job of work.jobs) {
      this.#jobs[this.#nextJob] = job;
      this.#nextJob += 1;
    }
    const firstGroup = this.#nextGroup;
    for (const group of work.groups) this.#addGroup(group);
    const miniBatches = miniBatchesOf(work);
    const piece: LivePiece = {
      work,
      firstMicroBatch: this.#nextMicroBatch,
      endMicroBatch: this.#nextMicroBatch + work.microBatches.length,
      miniBatches,
      left: 0,
    };
    for (const miniBatch of new Set(miniBatches)) {
      const { firstStage, endStage } = this.#setting.pipelines[this.#groups[miniBatch.group]!.pipeline]!;
      const { microBatches, evaluation = [] } = miniBatch;
      piece.left += (endStage - firstStage) * (2 * microBatches.length + 1 + evaluation.length);
    }
    for (const group of new Set(miniBatches.map((each) => each.group))) this.#uses.get(group)!.pieces += 1;
    // Now that it is known who has micro-batches: groups whose members have gone on in others are over some time.
    for (let group = firstGroup; group < this.#nextGroup; group += 1) this.#takeOver(group);
    this.#nextMicroBatch = piece.endMicroBatch;
    if (piece.left > 0) this.#pieces.push(piece);
    return piece;
  }

  /** The piece of a micro-batch that has not ended. */
  pieceOf(microBatch: number): LivePiece {
    const known = this.#found;
    if (known !== undefined && microBatch >= known.firstMicroBatch && microBatch < known.endMicroBatch) return known;
    const found = this.findPiece(microBatch);
    if (found === undefined) throw new InvariantError({ expected: "a micro-batch that is in flight", got: microBatch });
    this.#found = found;
    return found;
  }

  /** The same; undefined where all of the piece has ended. */
  findPiece(microBatch: number): LivePiece | undefined {
    const found = this.#pieces.findLast(({ firstMicroBatch }) => firstMicroBatch <= microBatch);
    return found !== undefined && microBatch < found.endMicroBatch ? found : undefined;
  }

  microBatch(index: number): MicroBatch {
    const { work, firstMicroBatch } = this.pieceOf(index);
    return work.microBatches[index - firstMicroBatch]!;
  }

  readonly #miniBatchOf = (microBatch: number): MiniBatch => this.miniBatchOf(microBatch);

  miniBatchOf(microBatch: number): MiniBatch {
    const { miniBatches, firstMicroBatch } = this.pieceOf(microBatch);
    return miniBatches[microBatch - firstMicroBatch]!;
  }

  /** What has to have ended on the pipeline's first stage before an action; of it, what has not been forgotten. */
  signalsOf(stage: number, letter: PlannedLetter, microBatch: number): readonly number[] {
    const own = this.microBatch(microBatch);
    return signalsOf(this, letter, this.#isFirst(stage), microBatch, own, this.#miniBatchOf);
  }

  /** An action of a micro-batch has ended. */
  end(microBatch: number): void {
    const piece = this.pieceOf(microBatch);
    piece.left -= 1;
    if (piece.left === 0) this.retire(piece);
  }

  /** All actions of a piece have ended. */
  retire(piece: LivePiece): void {
    this.#pieces = this.#pieces.filter((other) => other !== piece);
    if (this.#found === piece) this.#found = undefined;
    this.#forget(piece);
  }

  #addGroup(group: PlannedGroup): void {
    const number = this.#nextGroup;
    this.#nextGroup += 1;
    this.#groups[number] = group;
    this.#uses.set(number, { pieces: 0, members: new Set(group.members.map(({ job }) => job)) });
  }

  /** A group has its members from the groups that had them. */
  #takeOver(group: number): void {
    for (const { job } of this.#groups[group]!.members) {
      this.#leave(job);
      this.#groupOf.set(job, group);
    }
  }

  /** A job is in its last group no more. */
  #leave(job: number): void {
    const group = this.#groupOf.get(job);
    if (group === undefined) return;
    this.#uses.get(group)?.members.delete(job);
    this.#forgetGroup(group);
  }

  #forgetGroup(group: number): void {
    const use = this.#uses.get(group);
    if (use === undefined || use.pieces > 0 || use.members.size > 0) return;
    this.#uses.delete(group);
    delete this.#groups[group];
  }

  #forget({ miniBatches }: LivePiece): void {
    const ended: number[] = [];
    // One that is not known has ended with a later piece, which others of this one have outlived.
    for (const { group, step } of new Set(miniBatches))
      for (const { job, firstStep } of activeMembers(this.#groups, group, step))
        if (firstStep + step + 1 === this.#jobs[job]?.steps) ended.push(job);
    for (const group of new Set(miniBatches.map((each) => each.group))) {
      this.#uses.get(group)!.pieces -= 1;
      this.#forgetGroup(group);
    }
    for (const job of ended) {
      this.#leave(job);
      this.#groupOf.delete(job);
      delete this.#jobs[job];
    }
  }
}
