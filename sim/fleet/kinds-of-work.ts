import { contentHash } from "../../core/index.ts";
import type { FleetWork } from "../../plan/index.ts";

/** Different steps of a job that stand for all of them. */
const SAMPLES = 16;

type Steps = FleetWork["steps"];

/** Steps evenly over a job. */
function samplesOf(steps: Steps): Steps {
  const count = Math.min(SAMPLES, steps.length);
  return Array.from({ length: count }, (_, i) => steps[Math.floor((i * steps.length) / count)]!);
}

type Parts = Steps[number];

function lengthsOf(parts: Parts): readonly (readonly (readonly number[])[])[] {
  return parts.map((rows) => rows.map(([, , tokens, scored]) => [tokens, scored]));
}

/** A job that stands for all of its kind. */
export interface ExampleWork extends Pick<FleetWork, "job" | "steps"> {
  /** What it is evaluated on, by part, and after which share of its steps. */
  readonly evaluated?: { readonly parts: Parts; readonly share: number };
}

function exampleOf({ job, steps, evaluations = [] }: FleetWork): ExampleWork {
  const held = evaluations.filter((parts) => parts !== undefined);
  const [parts] = held;
  const example = { job, steps: samplesOf(steps) };
  return parts === undefined ? example : { ...example, evaluated: { parts, share: held.length / steps.length } };
}

function textOf({ job: { adapter, optimizer }, steps, evaluated }: ExampleWork): string {
  const held = evaluated && { share: evaluated.share, lengths: lengthsOf(evaluated.parts) };
  return contentHash({ adapter, optimizer, lengths: steps.map(lengthsOf), ...(held && { held }) });
}

interface Seen extends Pick<FleetWork, "job" | "evaluations"> {
  readonly kind: number;
}

/** Kinds of jobs: those of the same adapter, optimizer, lengths and evaluations are alike. */
export class KindsOfWork {
  readonly #works: readonly FleetWork[];
  /** By job. */
  readonly #kinds: number[] = [];
  readonly #kindOfText = new Map<string, number>();
  /** One of each kind, with the steps that stand for all of its own. */
  readonly #examples: ExampleWork[] = [];
  /** Many jobs of a fleet have the very same objects, of which one is looked at. */
  readonly #seen = new Map<Steps, Seen[]>();

  /** `works`: by the jobs' numbers; more may come. */
  constructor(works: readonly FleetWork[]) {
    this.#works = works;
  }

  of(number: number): number {
    const known = this.#kinds[number];
    if (known !== undefined) return known;
    const kind = this.#find(this.#works[number]!);
    this.#kinds[number] = kind;
    return kind;
  }

  example(kind: number): ExampleWork {
    return this.#examples[kind]!;
  }

  #find(work: FleetWork): number {
    const { job, steps, evaluations } = work;
    const before = this.#seen.get(steps) ?? [];
    const same = before.find(
      (each) =>
        each.job.adapter === job.adapter && each.job.optimizer === job.optimizer && each.evaluations === evaluations,
    );
    if (same !== undefined) return same.kind;
    const example = exampleOf(work);
    const text = textOf(example);
    const kind = this.#kindOfText.get(text) ?? this.#examples.length;
    if (kind === this.#examples.length) {
      this.#kindOfText.set(text, kind);
      this.#examples.push(example);
    }
    this.#seen.set(steps, [...before, { job, kind, ...(evaluations && { evaluations }) }]);
    return kind;
  }
}
