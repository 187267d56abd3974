import type { ConsideredWay } from "../../plan/index.ts";
import type { SceneAnswer } from "../answer-scene.ts";
import type { ExplorerPageData } from "../page-data.ts";
import type { Question, QuestionKind } from "../question.ts";
import type { Reply } from "../reply-message.ts";
import type { Scene } from "../scene.ts";
import { isLong } from "../step-shares.ts";
import type { Asked } from "./worker.ts";

/** A worker that answers one question at a time; of those that wait, only the last is worth an answer. */
class Answerer {
  readonly #address: string;
  readonly #onReply: (reply: Reply) => void;
  #worker: Worker | undefined;
  readonly #solver: () => Blob;
  #asked: Question | undefined;
  #waiting: Question | undefined;

  constructor(address: string, solver: () => Blob, onReply: (reply: Reply) => void) {
    this.#address = address;
    this.#solver = solver;
    this.#onReply = onReply;
    this.#worker = this.#start();
  }

  ask(question: Question): void {
    if (this.#asked !== undefined) {
      this.#waiting = question;
      return;
    }
    this.#asked = question;
    this.#worker ??= this.#start();
    const isPacked = question.scene.policy === "packed" && question.kind !== "first";
    this.#worker.postMessage({ question, solver: isPacked ? this.#solver() : undefined } satisfies Asked);
  }

  /**
   * Ends what is no longer wanted at once, so that it takes no time from what is; nor does another worker, which is
   * started with the next question.
   */
  drop(): void {
    this.#waiting = undefined;
    if (this.#asked === undefined) return;
    this.#asked = undefined;
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    const worker = new Worker(this.#address);
    worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
      if (worker !== this.#worker) return;
      this.#asked = undefined;
      const next = this.#waiting;
      this.#waiting = undefined;
      if (next !== undefined) this.ask(next);
      this.#onReply(data);
    });
    worker.addEventListener("error", ({ message }) => {
      if (worker !== this.#worker || this.#asked === undefined) return;
      const { id, kind } = this.#asked;
      this.#asked = undefined;
      this.#onReply({ id, kind, error: message });
    });
    return worker;
  }
}

/** The number of a question whose reply nobody waits for. */
const UNHEARD = 0;

/** The time of a run as a multiple of its estimate, where that was done in the same way; else nothing is known. */
function correctionBy(first: Reply | undefined, { metrics, schedule, numPipelines, numGroups }: SceneAnswer): number {
  if (first === undefined || !("run" in first) || first.run === undefined) return 1;
  const { answer, run } = first;
  const isSame = answer.schedule === schedule && answer.numPipelines === numPipelines && answer.numGroups === numGroups;
  return isSame ? metrics.makespanSeconds / run.uncorrectedSeconds : 1;
}

/**
 * Asks for the first estimate of a scene, when that is there for a nearer one where the run is long, then for the whole
 * run, and then for one more GPU. Each change of the scene outdates what was asked before. Two workers: the one of first
 * estimates is never busy for long.
 */
export class Asker {
  readonly #estimator: Answerer;
  readonly #simulator: Answerer;
  readonly #onReply: (reply: Reply) => void;
  #id = 0;
  #scene: Scene | undefined;
  #calibration: string | undefined;
  /** What the last plan chose, and what else it looked at. */
  #ways: readonly ConsideredWay[] = [];
  /** The first estimate of the scene, where there is one. */
  #first: Reply | undefined;
  #correction = 1;

  /** @param script - what the workers run; `solver`: see `ExplorerPageData` */
  constructor(
    { worker: script, solver }: Pick<ExplorerPageData, "worker" | "solver">,
    onReply: (reply: Reply) => void,
  ) {
    this.#onReply = onReply;
    let unpacked: Blob | undefined;
    const solverOf = (): Blob => {
      unpacked ??= new Blob([Uint8Array.from(atob(solver), (each) => each.charCodeAt(0))]);
      return unpacked;
    };
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this.#estimator = new Answerer(address, solverOf, (reply) => this.#take(reply));
    this.#simulator = new Answerer(address, solverOf, (reply) => this.#take(reply));
  }

  /** `calibration` as in a question. Returns the number of the question, which its replies have. */
  ask(scene: Scene, calibration: string | undefined): number {
    this.#id += 1;
    this.#scene = scene;
    this.#calibration = calibration;
    this.#first = undefined;
    this.#simulator.drop();
    this.#estimator.ask(this.#question("first"));
    return this.#id;
  }

  /** Asks for two ways side by side, once nothing else is on its way. */
  askWays(ways: NonNullable<Question["ways"]>): void {
    this.#simulator.ask({ ...this.#question("two ways"), ways });
  }

  /** What was asked is no longer wanted. */
  drop(): void {
    this.#id += 1;
    this.#simulator.drop();
  }

  #question(kind: QuestionKind): Question {
    return {
      id: this.#id,
      kind,
      scene: this.#scene!,
      calibration: this.#calibration,
      way: this.#ways[0],
      correction: this.#correction,
    };
  }

  /** A browser compiles what has run some times, so that a person's first change is answered as fast as the others. */
  #warmUp(way: ConsideredWay | undefined): void {
    this.#estimator.ask({ ...this.#question("first"), id: UNHEARD, way });
  }

  /** What a plan chose: the next first estimate is done so. */
  #learn(ways: readonly ConsideredWay[]): void {
    if (this.#ways.length === 0) this.#warmUp(ways[0]);
    if (ways.length > 0) this.#ways = ways;
  }

  #take(reply: Reply): void {
    if (reply.id !== this.#id) return;
    this.#onReply(reply);
    if (reply.kind === "first") this.#first = reply;
    if (reply.kind === "whole" && ("fleet" in reply || "answer" in reply)) {
      const ways = "fleet" in reply ? (reply.fleet.whole?.ways ?? []) : reply.answer.ways;
      this.#learn(ways);
      if ("answer" in reply) this.#correction = correctionBy(this.#first, reply.answer);
      this.#simulator.ask(this.#question("one more"));
    }
    if (reply.kind === "nearer") {
      if ("answer" in reply) this.#learn(reply.answer.ways);
      this.#next("whole");
    }
    // Of jobs over time and of what is simulated only there is one way.
    const isPlanned = "run" in reply && "answer" in reply && reply.answer.ways.length > 0;
    if (reply.kind === "first") this.#next(isPlanned && isLong(this.#scene!) ? "nearer" : "whole");
  }

  /** Asks once the answer before is painted: what comes takes the processor for longer. */
  #next(kind: QuestionKind): void {
    const id = this.#id;
    requestAnimationFrame(() => {
      setTimeout(() => {
        if (id === this.#id) this.#simulator.ask(this.#question(kind));
      });
    });
  }
}
