import type { World } from "../../native/index.ts";
import { encode, type RankAnswers, type RankCommand } from "./rank-messages.ts";

interface Asked {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A command that is answered, without its number. */
type Call<Kind extends keyof RankAnswers> = Omit<Extract<RankCommand, { readonly kind: Kind }>, "call">;

/** Rank 0's line to another rank: commands in order, those of one turn of JavaScript in one message; and answers. */
export class RankLink {
  readonly #world: World;
  readonly rank: number;
  readonly #asked = new Map<number, Asked>();
  #next = 0;
  #unsent: RankCommand[] = [];

  constructor(world: World, rank: number) {
    this.#world = world;
    this.rank = rank;
  }

  tell(command: RankCommand): void {
    this.#unsent.push(command);
    if (this.#unsent.length === 1) queueMicrotask(() => this.flush());
  }

  /** Sends what was told in this turn now. */
  flush(): void {
    if (this.#unsent.length === 0) return;
    this.#world.post(this.rank, encode(this.#unsent));
    this.#unsent = [];
  }

  ask<Kind extends keyof RankAnswers>(command: Call<Kind>): Promise<RankAnswers[Kind]> {
    const call = this.#next;
    this.#next += 1;
    const answered = new Promise<RankAnswers[Kind]>((resolve, reject) => {
      this.#asked.set(call, { resolve: resolve as (value: unknown) => void, reject });
    });
    // Who does not wait for it hears of a failure from the host.
    answered.catch(() => {});
    this.tell({ ...command, call } as unknown as RankCommand);
    return answered;
  }

  answer(call: number, value: unknown): void {
    this.#take(call)?.resolve(value);
  }

  refuse(call: number, error: Error): void {
    this.#take(call)?.reject(error);
  }

  /** Nothing is answered any more. */
  fail(error: Error): void {
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }

  #take(call: number): Asked | undefined {
    const asked = this.#asked.get(call);
    this.#asked.delete(call);
    return asked;
  }
}
