import { InputError } from "../../core/index.ts";
import { Network, type Part } from "./network.ts";

/** How deep rules may be in each other; what is deeper is never reached. */
const MOST_DEPTH = 200;
/** Ways through the network that are followed at a time, and all that are followed for an automaton. */
const MOST_WAYS = 1000;
const MOST_WORK = 1_000_000;
/** Positions that are kept. */
const MOST_POSITIONS = 4000;

/** Where a text is: all ways through the network that lead there. */
export interface Position {
  /** State and stack of each. */
  readonly ways: readonly (readonly [state: number, stack: Stack | undefined])[];
  /** Whether the text may end here. */
  readonly mayEnd: boolean;
  /** Behind each byte; null where it may not come, undefined where it is not known. */
  readonly next: (Position | null | undefined)[];
}

/** States to return to; equal ones are one object. */
interface Stack {
  readonly id: number;
  readonly back: number;
  readonly below: Stack | undefined;
  readonly depth: number;
}

/** Reads a network byte by byte, from a rule on. What it has to do is bounded, whatever the network is. */
export class Automaton {
  readonly #network: Network;
  readonly #rule: number;
  readonly #live: ReadonlySet<number>;
  readonly #stacks = new Map<string, Stack>();
  readonly #positions = new Map<string, Position>();
  #work = 0;
  #numStacks = 0;

  constructor(network: Network, rule: number) {
    this.#network = network;
    this.#rule = rule;
    this.#live = network.live();
  }

  /** @throws InputError as `step` does, and where no text has the form */
  start(): Position {
    const position = this.#position([[this.#rule, undefined]]);
    if (position !== null) return position;
    const hint = "A schema that refers to itself needs a way out.";
    throw new InputError({ expected: "a form that some answer has", got: "none", hint });
  }

  /** Undefined where the byte may not come. @throws InputError where there are too many ways to follow */
  step(position: Position, byte: number): Position | null {
    const known = position.next[byte];
    if (known !== undefined) return known;
    const ways: [number, Stack | undefined][] = [];
    for (const [state, stack] of position.ways)
      for (const { low, high, to } of this.#network.state(state).bytes)
        if (byte >= low && byte <= high) ways.push([to, stack]);
    const next = ways.length === 0 ? null : this.#position(ways);
    position.next[byte] = next;
    return next;
  }

  /** Follows all that needs no byte. Null where nothing leads on, and the text may not end. */
  #position(from: readonly (readonly [number, Stack | undefined])[]): Position | null {
    const seen = new Map<string, readonly [number, Stack | undefined]>();
    const open = [...from];
    let mayEnd = false;
    for (let way = open.pop(); way !== undefined; way = open.pop()) {
      const [state, stack] = way;
      const key = `${state} ${stack?.id ?? 0}`;
      if (seen.has(key) || !this.#live.has(state)) continue;
      seen.set(key, way);
      this.#count(seen.size);
      const { empty, calls } = this.#network.state(state);
      for (const to of empty) open.push([to, stack]);
      for (const { rule, back } of calls) {
        const pushed = this.#push(back, stack);
        if (pushed !== undefined) open.push([rule, pushed]);
      }
      if (!this.#network.ends.has(state)) continue;
      if (stack === undefined) mayEnd = true;
      else open.push([stack.back, stack.below]);
    }
    return this.#kept(seen, mayEnd);
  }

  #count(ways: number): void {
    this.#work += 1;
    if (ways <= MOST_WAYS && this.#work <= MOST_WORK) return;
    throw new InputError({
      expected: "a schema with fewer ways to say the same",
      got: ways > MOST_WAYS ? `more than ${MOST_WAYS} at a time` : `more than ${MOST_WORK} of one answer`,
      hint: "Patterns with nested repetitions, and anyOf of schemas that are alike, have many.",
    });
  }

  #push(back: number, below: Stack | undefined): Stack | undefined {
    const depth = (below?.depth ?? 0) + 1;
    if (depth > MOST_DEPTH) return undefined;
    const key = `${back} ${below?.id ?? 0}`;
    const known = this.#stacks.get(key);
    if (known !== undefined) return known;
    this.#numStacks += 1;
    const stack = { id: this.#numStacks, back, below, depth };
    this.#stacks.set(key, stack);
    return stack;
  }

  /** Gives memory back: positions that are in use are followed anew. */
  #forget(): void {
    for (const { next } of this.#positions.values()) next.fill(undefined);
    this.#positions.clear();
    this.#stacks.clear();
  }

  #kept(seen: ReadonlyMap<string, readonly [number, Stack | undefined]>, mayEnd: boolean): Position | null {
    const taken = [...seen].filter(([, [state]]) => this.#network.state(state).bytes.length > 0);
    if (taken.length === 0 && !mayEnd) return null;
    const key = `${mayEnd} ${taken.map(([own]) => own).sort()}`;
    const known = this.#positions.get(key);
    if (known !== undefined) return known;
    const position = { ways: taken.map(([, way]) => way), mayEnd, next: new Array<undefined>(256) };
    if (this.#positions.size >= MOST_POSITIONS) this.#forget();
    this.#positions.set(key, position);
    return position;
  }
}

/** An automaton of the texts that a part of a network has. @throws InputError as what writes it does */
export function automatonOf(write: (network: Network) => Part): Automaton {
  const network = new Network();
  const rule = network.newRule();
  network.fill(rule, write(network));
  return new Automaton(network, rule);
}
