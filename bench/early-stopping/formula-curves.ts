import { createRng, type Rng } from "../../core/index.ts";
import { learningRateAt, type OptimizerSpec } from "../../plan/index.ts";
import type { Curve } from "./curves.ts";

type Schedule = NonNullable<OptimizerSpec["schedule"]>;

/** What a curve follows, without noise: losses by iteration, from 1, relative to the job's steps where that is said. */
interface Form {
  training(t: number): number;
  evaluation(t: number): number;
  readonly schedule?: Schedule;
}

const PER_FAMILY = 45;
/** Steps of a job, evaluations of it, and standard deviations of the noise as shares of a loss: the least and most. */
const STEPS = [100, 5000] as const;
const EVALUATIONS = [8, 120] as const;
const TRAINING_NOISE = [0.005, 0.08] as const;
const EVALUATION_NOISE = [0.0003, 0.006] as const;

/** Between two numbers, evenly in their logarithms, or evenly. */
const logUniform = (rng: Rng, [low, high]: readonly [number, number]): number => low * (high / low) ** rng.nextFloat();
const uniform = (rng: Rng, low: number, high: number): number => low + (high - low) * rng.nextFloat();
const step = (x: number): number => 1 / (1 + Math.exp(-x));
const both = (at: (t: number) => number): Pick<Form, "training" | "evaluation"> => ({ training: at, evaluation: at });

/** The usual fall of a fine-tuned model's loss: most of it in a small part of the job, and slowly on. */
function usualFall(rng: Rng, steps: number): (t: number) => number {
  const [level, fall] = [uniform(rng, 0.6, 2.5), uniform(rng, 0.3, 2.5)];
  const [knee, exponent] = [steps * uniform(rng, 0.005, 0.05), uniform(rng, 0.3, 0.9)];
  return (t) => level + fall * (1 + t / knee) ** -exponent;
}

/**
 * The loss under a schedule: L0 + A S1^-a - C S2, with S1 the sum of the learning rates and S2 what annealing adds
 * (Tissue, Wang, Wang 2024, arXiv 2408.11029). Rates are shares of the highest.
 */
function annealed(rng: Rng, steps: number, schedule: Schedule): Form {
  const [level, fall, exponent] = [uniform(rng, 0.6, 2.5), uniform(rng, 0.3, 2), uniform(rng, 0.3, 0.8)];
  const [annealing, decay] = [uniform(rng, 0.02, 0.25), 1 - 1 / Math.max(10, steps * uniform(rng, 0.02, 0.1))];
  const knee = steps * uniform(rng, 0.01, 0.05);
  const rates = Array.from({ length: steps }, (_, t) =>
    learningRateAt({ learningRate: 1, schedule } as OptimizerSpec, t, steps),
  );
  let [sum, momentum, annealedBy, before] = [0, 0, 0, rates[0]!];
  const losses = rates.map((rate) => {
    sum += rate;
    momentum = decay * momentum + (before - rate);
    annealedBy += momentum / (1 / (1 - decay));
    before = rate;
    return level + fall * (1 + sum / knee) ** -exponent - annealing * annealedBy;
  });
  return { ...both((t) => losses[Math.min(steps, Math.max(1, Math.round(t))) - 1]!), schedule };
}

const cosine = (warmupSteps: number): Schedule => ({ name: "cosine", warmupSteps, minRatio: 0 });

/** The families, each with how a form of it is drawn. */
const FORMS: Readonly<Record<string, (rng: Rng, steps: number) => Form>> = {
  exponential(rng, steps) {
    const [level, fall, time] = [uniform(rng, 0.5, 2.5), uniform(rng, 0.1, 2), steps * logUniform(rng, [0.04, 1.5])];
    return both((t) => level + fall * Math.exp(-t / time));
  },
  "power law": (rng, steps) => both(usualFall(rng, steps)),
  plateaued(rng, steps) {
    const [level, fall, time] = [uniform(rng, 0.5, 4), logUniform(rng, [0.001, 1]), steps * uniform(rng, 0.005, 0.08)];
    return both((t) => level + fall * Math.exp(-t / time));
  },
  slow(rng, steps) {
    const [level, share] = [uniform(rng, 0.8, 4), uniform(rng, 0.03, 0.2)];
    return both((t) => level * (1 - share * (t / steps)));
  },
  "late drop"(rng, steps) {
    const [level, before, drop] = [uniform(rng, 0.6, 2.5), uniform(rng, 0.1, 1), uniform(rng, 0.05, 0.4)];
    const [time, at, width] = [steps * uniform(rng, 0.02, 0.1), uniform(rng, 0.2, 0.9), uniform(rng, 0.01, 0.06)];
    return both((t) => level * (1 - drop * step((t / steps - at) / width)) + before * Math.exp(-t / time));
  },
  "double descent"(rng, steps) {
    const usual = usualFall(rng, steps);
    const [rise, top, width] = [uniform(rng, 0.03, 0.2), uniform(rng, 0.15, 0.6), uniform(rng, 0.05, 0.15)];
    const second = uniform(rng, 0.05, 0.25);
    const bump = (x: number): number => Math.exp(-(((x - top) / width) ** 2));
    return {
      training: usual,
      evaluation: (t) =>
        usual(t) * (1 + rise * bump(t / steps)) * (1 - second * step((t / steps - top - width) / 0.05)),
    };
  },
  spikes(rng, steps) {
    const usual = usualFall(rng, steps);
    const spikes = Array.from({ length: 1 + rng.nextInt(4) }, () => ({
      ...{ at: steps * uniform(rng, 0.1, 0.9), height: uniform(rng, 0.4, 3) },
      length: steps * uniform(rng, 0.003, 0.02),
    }));
    const at = (t: number): number => {
      let loss = usual(t);
      for (const spike of spikes) if (t >= spike.at) loss += spike.height * Math.exp((spike.at - t) / spike.length);
      return loss;
    };
    return both(at);
  },
  "warm-up bump"(rng, steps) {
    const usual = usualFall(rng, steps);
    const [height, warmupSteps] = [uniform(rng, 0.3, 2), Math.ceil(steps * uniform(rng, 0.02, 0.08))];
    const bump = (t: number): number => Math.exp(-(((t - 0.8 * warmupSteps) / (0.4 * warmupSteps)) ** 2));
    return { ...both((t) => usual(t) + height * bump(t)), schedule: { name: "constant", warmupSteps, minRatio: 0 } };
  },
  cosine: (rng, steps) => annealed(rng, steps, cosine(Math.ceil(steps * uniform(rng, 0.01, 0.06)))),
  "stable, then decay"(rng, steps) {
    const [warmupSteps, decaySteps] = [Math.ceil(0.02 * steps), Math.ceil(steps * uniform(rng, 0.1, 0.3))];
    const schedule: Schedule = { name: "warmup_stable_decay", warmupSteps, decaySteps, minRatio: 0 };
    return annealed(rng, steps, schedule);
  },
  restarts(rng, steps) {
    const cycles = 2 + rng.nextInt(4);
    return annealed(rng, steps, { name: "cosine_with_restarts", warmupSteps: 0, minRatio: 0, cycles });
  },
  overfitting(rng, steps) {
    const usual = usualFall(rng, steps);
    const [from, rise] = [uniform(rng, 0.05, 0.45), uniform(rng, 0.1, 1)];
    return {
      training: (t) => usual(t) * (1 - 0.7 * (t / steps)),
      evaluation: (t) => usual(t) * (1 + rise * Math.max(0, t / steps - from)),
    };
  },
  diverging(rng, steps) {
    const usual = usualFall(rng, steps);
    const [at, height, width] = [uniform(rng, 0.05, 0.6), uniform(rng, 1, 6), uniform(rng, 0.002, 0.02)];
    const isBroken = rng.nextFloat() < 0.25;
    return both((t) =>
      isBroken && t / steps > at + 4 * width ? Number.NaN : usual(t) + height * step((t / steps - at) / width),
    );
  },
};

function drawCurve(family: string, index: number): Curve {
  const rng = createRng(`losses of a formula: ${family} ${index}`);
  const steps = Math.round(logUniform(rng, STEPS));
  const every = Math.max(1, Math.round(steps / logUniform(rng, EVALUATIONS)));
  const { training, evaluation, schedule } = FORMS[family]!(rng, steps);
  const [noise, heldOutNoise] = [logUniform(rng, TRAINING_NOISE), logUniform(rng, EVALUATION_NOISE)];
  const noisy = (count: number, by: number, share: number, at: (t: number) => number): readonly number[] =>
    Array.from({ length: count }, (_, i) => at((i + 1) * by) * (1 + share * rng.nextNormal()));
  return {
    ...{ name: `${family}-${index + 1}`, family, every },
    optimizer: { learningRate: 1e-3, ...(schedule === undefined ? {} : { schedule }) },
    training: noisy(steps, 1, noise, training),
    evaluation: noisy(Math.floor(steps / every), every, heldOutNoise, evaluation),
  };
}

/** Curves by formula, the same each time. */
export function formulaCurves(): readonly Curve[] {
  return Object.keys(FORMS).flatMap((family) =>
    Array.from({ length: PER_FAMILY }, (_, index) => drawCurve(family, index)),
  );
}
