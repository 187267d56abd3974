import { contentHash, sum } from "../../core/index.ts";
import { evaluatedBehind, evaluatedTokens, type FleetWork, type Parts } from "../../plan/index.ts";

/** Different steps of a job that stand for all of them. */
const SAMPLES = 16;

type Steps = FleetWork["steps"];

/** Steps evenly over a job. */
function samplesOf(steps: Steps): readonly Parts[] {
  const count = Math.min(SAMPLES, steps.length);
  return Array.from({ length: count }, (_, i) => steps.at(Math.floor((i * steps.length) / count))!);
}

function lengthsOf(parts: Parts): readonly (readonly (readonly number[])[])[] {
  return parts.map((rows) =>
    rows.map(([, , tokens, scored, compared]) => [
      tokens,
      scored,
      ...(compared?.answers.flat() ?? []),
      compared?.generates ?? 0,
    ]),
  );
}

/** A job that stands for all of its kind. */
export interface ExampleWork extends Pick<FleetWork, "job"> {
  readonly steps: readonly Parts[];
  /** What it is evaluated on, by part, and after which share of its steps. */
  readonly evaluated?: { readonly parts: Parts; readonly share: number };
}

/** About how long parts take beside others. */
function weightOf(parts: Parts): number {
  return sum(parts.map((rows) => evaluatedTokens({ rows: [...rows] })));
}

function exampleOf(work: FleetWork): ExampleWork {
  const { job, steps, evaluations } = work;
  const example = { job, steps: samplesOf(steps) };
  const held = evaluatedBehind(work);
  // After its last step it has both held-out rows and prompts, where it has both at all.
  const parts = evaluations?.at(-1) ?? held.at(-1)?.parts;
  if (parts === undefined) return example;
  const share = sum(held.map((each) => each.count * weightOf(each.parts))) / weightOf(parts) / steps.length;
  return { ...example, evaluated: { parts, share } };
}

function textOf({ job: { adapter, optimizer }, steps, evaluated }: ExampleWork): string {
  const held = evaluated && { share: evaluated.share, lengths: lengthsOf(evaluated.parts) };
  return contentHash({ adapter, optimizer, lengths: steps.map(lengthsOf), ...(held && { held }) });
}

interface Seen extends Pick<FleetWork, "job" | "evaluations"> {
  readonly kind: number;
}

/** So many kinds are remembered whether anybody is of them or not. */
const ALWAYS_KEPT = 256;

/**
 * Kinds of jobs: those of the same adapter, optimizer, lengths and evaluations are alike. A fleet that goes on for long
 * empties the work of jobs that are over; kinds of which there are such jobs alone are forgotten now and then.
 */
export class KindsOfWork {
  readonly #works: readonly FleetWork[];
  readonly #onForgotten: () => void;
  /** By job. */
  readonly #kinds: number[] = [];
  readonly #kindOfText = new Map<string, number>();
  /** One of each kind, with the steps that stand for all of its own. */
  readonly #examples = new Map<number, ExampleWork>();
  #numKinds = 0;
  #most = ALWAYS_KEPT;
  /** How often kinds were forgotten, and by kind, how often when it was asked for last. */
  #rounds = 0;
  readonly #askedIn: number[] = [];
  /** Many jobs of a fleet have the very same objects, of which one is looked at. */
  readonly #seen = new WeakMap<Steps, Seen[]>();

  /** `works`: by the jobs' numbers; more may come. `onForgotten`: nobody asks for some of the kinds any more. */
  constructor(works: readonly FleetWork[], onForgotten: () => void = () => {}) {
    this.#works = works;
    this.#onForgotten = onForgotten;
  }

  of(number: number): number {
    const kind = this.#kinds[number] ?? this.#find(this.#works[number]!);
    this.#kinds[number] = kind;
    this.#askedIn[kind] = this.#rounds;
    return kind;
  }

  /** Kinds that are remembered. */
  get numKept(): number {
    return this.#examples.size;
  }

  example(kind: number): ExampleWork {
    return this.#examples.get(kind)!;
  }

  #find(work: FleetWork): number {
    const { job, steps, evaluations } = work;
    const before = this.#seen.get(steps) ?? [];
    const same = before.find(
      (each) =>
        each.job.adapter === job.adapter &&
        each.job.optimizer === job.optimizer &&
        each.evaluations === evaluations &&
        this.#examples.has(each.kind),
    );
    if (same !== undefined) return same.kind;
    const example = exampleOf(work);
    const text = textOf(example);
    const kind = this.#kindOfText.get(text) ?? this.#add(text, example);
    this.#seen.set(steps, [...before, { job, kind, ...(evaluations && { evaluations }) }]);
    return kind;
  }

  #add(text: string, example: ExampleWork): number {
    if (this.#examples.size >= this.#most) this.#forget();
    const kind = this.#numKinds;
    this.#numKinds += 1;
    this.#kindOfText.set(text, kind);
    this.#examples.set(kind, example);
    return kind;
  }

  /** Kinds that nobody has asked for since this was done last; a job that has just ended may be on its devices still. */
  #forget(): void {
    const living = new Set(this.#kinds.filter((_, number) => this.#works[number]!.steps.length > 0));
    for (const kind of this.#examples.keys()) if (this.#askedIn[kind] === this.#rounds) living.add(kind);
    this.#rounds += 1;
    const before = this.#examples.size;
    for (const [text, kind] of this.#kindOfText) {
      if (living.has(kind)) continue;
      this.#kindOfText.delete(text);
      this.#examples.delete(kind);
    }
    this.#most = Math.max(ALWAYS_KEPT, 2 * this.#examples.size);
    if (this.#examples.size < before) this.#onForgotten();
  }
}
