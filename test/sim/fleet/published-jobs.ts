import type { FleetJob, Resources } from "../../../plan/index.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";

/** The Mersenne Twister mt19937 (Matsumoto and Nishimura 1998). */
class MersenneTwister {
  readonly #state = new Uint32Array(624);
  #next = 624;

  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < 624; i += 1) {
      const before = state[i - 1]! ^ (state[i - 1]! >>> 30);
      state[i] = Math.imul(1812433253, before) + i;
    }
  }

  bits(): number {
    if (this.#next === 624) this.#renew();
    let y = this.#state[this.#next]!;
    this.#next += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** From `low` to `high`, as libstdc++'s uniform_int_distribution draws it: 64-bit multiply, with rejection. */
  between(low: number, high: number): number {
    const range = BigInt(high - low + 1);
    const least = (2n ** 32n - range) % range;
    for (;;) {
      const product = BigInt(this.bits()) * range;
      if ((product & 0xffffffffn) >= least) return low + Number(product >> 32n);
    }
  }

  #renew(): void {
    const state = this.#state;
    for (let k = 0; k < 624; k += 1) {
      const y = (state[k]! & 0x80000000) | (state[(k + 1) % 624]! & 0x7fffffff);
      state[k] = state[(k + 397) % 624]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}

export const CAPACITY = 100;

export interface PublishedJobs {
  readonly jobs: readonly SimulatedJob[];
  /** Of each job's iterations. */
  readonly memory: readonly (readonly number[])[];
}

/**
 * The 100 jobs of the simulation that is published with ASPEN (arXiv 2312.02515v1): whole iterations, a unit of time
 * each, and a random need of memory in each. `accuracy`: of the predicted ends, in percent.
 */
export function publishedJobs(accuracy: number): PublishedJobs {
  const random = new MersenneTwister(42);
  const memory: number[][] = [];
  const jobs = Array.from({ length: 100 }, (_, index): SimulatedJob => {
    const total = random.between(100, 500);
    const iterations = random.between(total - Math.trunc((total * 30) / 100), total);
    const error = Math.trunc((iterations * (100 - accuracy)) / 100);
    const predicted = random.between(iterations - error, iterations + error);
    memory.push(Array.from({ length: total }, () => random.between(10, 50)));
    const request = { name: `job${index}`, user: "", priority: 100 - index, arrivalNs: 0, deadlineNs: null, tokens: 1 };
    return { request: { ...request, iterations: total }, iterations, predicted };
  });
  return { jobs, memory };
}

/** One pipeline with so much memory for what its jobs need in their next iterations. */
export function memoryAlone(memory: PublishedJobs["memory"]): Resources {
  const nextBytes = ({ number, done }: FleetJob): number => memory[number]![done]!;
  return {
    numPipelines: 1,
    isSteady: false,
    shortfall(_, jobs) {
      const bytes = jobs.reduce((sum, job) => sum + nextBytes(job), 0) - CAPACITY;
      return bytes > 0 ? { kind: "memory", device: "the device", bytes } : undefined;
    },
    kindOf: (job) => `${nextBytes(job)}`,
    iterationNs: () => 1,
    nextBytes,
    nextLength: () => 1,
  };
}

/** One pipeline, or several, with so many jobs at once on each. */
export function places(most: number, numPipelines = 1): Resources {
  return {
    numPipelines,
    isSteady: true,
    shortfall: (_, jobs) => (jobs.length > most ? { kind: "jobs", most } : undefined),
    kindOf: () => "",
    iterationNs: () => 1,
    nextBytes: () => 0,
    nextLength: () => 1,
  };
}
