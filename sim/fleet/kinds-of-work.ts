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

function textOf({ adapter, optimizer }: FleetWork["job"], samples: Steps): string {
  const lengths = samples.map((parts) => parts.map((rows) => rows.map(([, , tokens, scored]) => [tokens, scored])));
  return contentHash({ adapter, optimizer, lengths });
}

interface Seen {
  readonly job: FleetWork["job"];
  readonly kind: number;
}

/** Kinds of jobs: those of the same adapter, optimizer and lengths are alike. */
export class KindsOfWork {
  readonly #works: readonly FleetWork[];
  /** By job. */
  readonly #kinds: number[] = [];
  readonly #kindOfText = new Map<string, number>();
  /** One of each kind, with the steps that stand for all of its own. */
  readonly #examples: FleetWork[] = [];
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

  example(kind: number): FleetWork {
    return this.#examples[kind]!;
  }

  #find({ job, steps }: FleetWork): number {
    const before = this.#seen.get(steps) ?? [];
    const same = before.find((each) => each.job.adapter === job.adapter && each.job.optimizer === job.optimizer);
    if (same !== undefined) return same.kind;
    const samples = samplesOf(steps);
    const text = textOf(job, samples);
    const kind = this.#kindOfText.get(text) ?? this.#examples.length;
    if (kind === this.#examples.length) {
      this.#kindOfText.set(text, kind);
      this.#examples.push({ job, steps: samples });
    }
    this.#seen.set(steps, [...before, { job, kind }]);
    return kind;
  }
}
