import { InputError } from "../../core/index.ts";

/** The most states of a network: counts such as `maxItems` are written out. */
const MOST_STATES = 50_000;

interface State {
  /** Bytes from low to high lead to `to`. */
  readonly bytes: { readonly low: number; readonly high: number; readonly to: number }[];
  /** States that are reached without a byte. */
  readonly empty: number[];
  /** A rule that is passed through, and the state behind it. */
  readonly calls: { readonly rule: number; readonly back: number }[];
}

/** Adds states behind `from`, and returns the last of them. */
export type Part = (from: number) => number;

/** Rules over bytes that use each other: a network of states, in which a rule is entered from many places. */
export class Network {
  readonly #states: State[] = [];
  /** Where a rule is over, and whoever entered it goes on. */
  readonly ends = new Set<number>();

  state(index: number): State {
    return this.#states[index]!;
  }

  /** @throws InputError for a network that is too large */
  add(): number {
    if (this.#states.length >= MOST_STATES)
      throw new InputError({
        expected: `a schema of at most ${MOST_STATES} states`,
        got: "a larger one",
        hint: "Large values of maxItems, minItems, maxLength and of {n,m} in patterns, and long enums, make it large.",
      });
    return this.#states.push({ bytes: [], empty: [], calls: [] }) - 1;
  }

  /** A rule to be filled by `fill`, and entered by `call`. */
  newRule(): number {
    return this.add();
  }

  fill(rule: number, part: Part): void {
    this.ends.add(part(rule));
  }

  /** A part as a rule, which takes one state wherever it is used. */
  ruleOf(part: Part): Part {
    const rule = this.newRule();
    this.fill(rule, part);
    return this.call(rule);
  }

  call(rule: number): Part {
    return (from) => {
      const back = this.add();
      this.state(from).calls.push({ rule, back });
      return back;
    };
  }

  /** Bytes of which each is in a range. */
  ranges(ranges: readonly (readonly [low: number, high: number])[]): Part {
    return (from) =>
      ranges.reduce((at, [low, high]) => {
        const to = this.add();
        this.state(at).bytes.push({ low, high, to });
        return to;
      }, from);
  }

  text(text: string): Part {
    return this.ranges([...Buffer.from(text)].map((byte) => [byte, byte]));
  }

  sequence(parts: readonly Part[]): Part {
    return (from) => parts.reduce((at, part) => part(at), from);
  }

  choice(parts: readonly Part[]): Part {
    return (from) => {
      const end = this.add();
      for (const part of parts) this.state(part(from)).empty.push(end);
      return end;
    };
  }

  optional(part: Part): Part {
    return this.choice([part, (from) => from]);
  }

  /** A part so many times; `most` may be infinite. */
  repeat(part: Part, least: number, most: number): Part {
    if (most === 1) return least === 1 ? part : this.optional(part);
    const each = this.ruleOf(part);
    return (from) => {
      let at = from;
      for (let count = 0; count < least; count += 1) at = each(at);
      if (most === Number.POSITIVE_INFINITY) {
        const loop = this.add();
        this.state(at).empty.push(loop);
        this.state(each(loop)).empty.push(loop);
        return loop;
      }
      const end = this.add();
      for (let count = least; count < most; count += 1) {
        this.state(at).empty.push(end);
        at = each(at);
      }
      this.state(at).empty.push(end);
      return end;
    };
  }

  /** States from which the end of their rule can be reached. */
  live(): ReadonlySet<number> {
    const behind: number[][] = this.#states.map(() => []);
    this.#states.forEach(({ bytes, empty, calls }, state) => {
      for (const to of [...bytes.map((each) => each.to), ...empty]) behind[to]!.push(state);
      for (const { rule, back } of calls) for (const to of [rule, back]) behind[to]!.push(state);
    });
    const live = new Set<number>();
    const open = [...this.ends];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (live.has(at)) continue;
      const { bytes, empty, calls } = this.state(at);
      const leads =
        this.ends.has(at) ||
        bytes.some(({ to }) => live.has(to)) ||
        empty.some((to) => live.has(to)) ||
        calls.some(({ rule, back }) => live.has(rule) && live.has(back));
      if (!leads) continue;
      live.add(at);
      for (const state of behind[at]!) open.push(state);
    }
    return live;
  }
}
