/** What groups need while they train. */
export interface GroupRoom {
  /** Whether there is room for one more. */
  fits(group: number): boolean;
  enter(group: number): void;
  leave(group: number): void;
}

/** Room for so many jobs. A group of more jobs trains alone. */
export class JobRoom implements GroupRoom {
  readonly #limit: number;
  readonly #jobsOf: (group: number) => number;
  #jobs = 0;

  constructor(limit: number, jobsOf: (group: number) => number) {
    this.#limit = limit;
    this.#jobsOf = jobsOf;
  }

  fits(group: number): boolean {
    return this.#jobs === 0 || this.#jobs + this.#jobsOf(group) <= this.#limit;
  }

  enter(group: number): void {
    this.#jobs += this.#jobsOf(group);
  }

  leave(group: number): void {
    this.#jobs -= this.#jobsOf(group);
  }
}

/**
 * Which groups may train: all at once, in the order in which they came; or as many as there is room for, the group with
 * the most work first, the next one when one has ended.
 */
export class Admission {
  readonly #room: GroupRoom | undefined;
  #waiting: number[] = [];

  constructor(room: GroupRoom | undefined) {
    this.#room = room;
  }

  wait(group: number): void {
    this.#waiting.push(group);
  }

  /** Takes a group out that waits, if it is there. */
  leave(group: number): void {
    this.#waiting = this.#waiting.filter((other) => other !== group);
  }

  /** Groups that may begin now, each told once. */
  begin(workOf: (group: number) => number): readonly number[] {
    if (this.#waiting.length === 0) return [];
    if (this.#room === undefined) return this.#waiting.splice(0);
    if (this.#waiting.length > 1) {
      const work = new Map(this.#waiting.map((group) => [group, workOf(group)]));
      this.#waiting.sort((a, b) => work.get(b)! - work.get(a)! || a - b);
    }
    let count = 0;
    for (const group of this.#waiting) {
      if (!this.#room.fits(group)) break;
      this.#room.enter(group);
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** A group that had begun has no mini-batch left. */
  end(group: number): void {
    this.#room?.leave(group);
  }
}
