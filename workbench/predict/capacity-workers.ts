import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import {
  type CapacityQuestion,
  type CapacityReport,
  capacityReport,
  type FoundBest,
  type SeenDraw,
  type SeenDraws,
} from "../../capacity/index.ts";
import { type WorkerOptions, WorkerThreads } from "../in-workers.ts";

/** Candidates that are simulated at once for each thread: few, since some are not needed. */
const BATCH = 3;

export interface CapacitySearch extends WorkerOptions {
  /** What was simulated before, of the same question; what is simulated now is added. */
  readonly seen?: SeenDraws;
  readonly onProgress?: (done: number, all: number) => void;
  /** What threads have simulated, as it comes. */
  readonly onSeen?: (seen: readonly (readonly [string, SeenDraw])[]) => void;
}

/** The answer, with candidates simulated in threads; it is the same with any number of them. @throws InputError */
export async function answerCapacity(
  question: CapacityQuestion,
  { seen, onProgress, onSeen = () => {}, ...options }: CapacitySearch = {},
): Promise<CapacityReport> {
  const { workers = availableParallelism() } = options;
  const { candidates: _candidates, ...shared } = question;
  await using threads = new WorkerThreads("capacityDraws", shared, BATCH * workers, options);
  return await capacityReport({
    ...question,
    ...(seen === undefined ? {} : { seen }),
    ...(onProgress === undefined ? {} : { onProgress }),
    breathe: () => setImmediate(),
    ahead: {
      batch: BATCH * workers,
      async simulate(candidates, { forecast, kinds }) {
        // Threads have the whole question: a part of it travels with each candidate.
        const part = forecast === question.forecast ? {} : { forecast, kinds };
        const draws = (await threads.run(candidates.map((candidate) => ({ candidate, ...part })))).flat();
        onSeen(draws);
        return draws;
      },
    },
  });
}

/** The best of each question, in threads. `onProgress`: how many are done, of how many. */
export async function searchCapacity(
  questions: readonly CapacityQuestion[],
  onProgress: (done: number, all: number) => void = () => {},
  options: WorkerOptions = {},
): Promise<readonly FoundBest[]> {
  await using threads = new WorkerThreads("capacityBest", {}, questions.length, options);
  return await threads.run(questions, (done) => onProgress(done, questions.length));
}
