import { describe, expect, it } from "vitest";
import { createRng, mean, type Rng } from "../../core/index.ts";
import { type FittedMemory, INITIAL_MEMORY, learnMemory, type MemoryTerms, predictMemory } from "../../plan/index.ts";
import { MEMORY_TERMS, memoryTerms } from "../../plan/memory/memory-terms.ts";

const MIB = 2 ** 20;

/** Work of any shape on one layer; what the start knows of it are its adapters. */
function randomTerms(rng: Rng): MemoryTerms {
  const rank = 1 + rng.nextInt(64);
  const maxTokens = 16 + rng.nextInt(4000);
  return memoryTerms({
    stage: { firstLayer: 0, endLayer: 1 },
    room: { maxTokens, maxSequence: 1 + rng.nextInt(maxTokens), ranks: { q_proj: rank, v_proj: rank } },
    planned: 40 * MIB + 16 * 4096 * rank,
    parameters: 4096 * rank,
    inFlight: maxTokens * (1 + rng.nextInt(4)),
    messages: 0,
  });
}

/** As the paper has it (PVLDB 18(6), section 4): b0 + b1 B S + b2 B S^2, beside adapters. */
function paperBytes({ parameters, microBatch, attention }: MemoryTerms): number {
  return 40 * MIB + 16 * parameters + 9000 * microBatch + 2 * attention;
}

function learned(count: number, noise = 0): { readonly fitted: FittedMemory; readonly rng: Rng } {
  const rng = createRng("fit");
  let fitted = INITIAL_MEMORY;
  for (let point = 0; point < count; point += 1) {
    const terms = randomTerms(rng);
    fitted = learnMemory(fitted, terms, Math.round(paperBytes(terms) * (1 + noise * (2 * rng.nextFloat() - 1))));
  }
  return { fitted, rng };
}

function errorAfter(count: number): number {
  const { fitted, rng } = learned(count);
  const fresh = Array.from({ length: 50 }, () => randomTerms(rng));
  return mean(fresh.map((terms) => Math.abs(predictMemory(fitted, terms).bytes / paperBytes(terms) - 1)));
}

describe("memory fitted to points as they come", () => {
  it("is what is planned before the first one, with a margin that says how little is known", () => {
    const terms = randomTerms(createRng("first"));
    const { bytes, margin } = predictMemory(INITIAL_MEMORY, terms);
    expect(bytes).toBe(terms.planned);
    expect(margin / bytes).toBeGreaterThan(0.5);
  });

  it("comes to the paper's form of memory from a start that knows no activations", () => {
    expect(errorAfter(0)).toBeGreaterThan(0.2);
    expect(errorAfter(15)).toBeLessThan(0.002);
    expect(errorAfter(60)).toBeLessThan(errorAfter(15));
  });

  it("stays what is planned where that is right", () => {
    const rng = createRng("right");
    let fitted = INITIAL_MEMORY;
    for (let point = 0; point < 40; point += 1) {
      const terms = randomTerms(rng);
      expect(predictMemory(fitted, terms).bytes).toBe(terms.planned);
      fitted = learnMemory(fitted, terms, terms.planned);
    }
  });

  it("has no negative coefficients, and holds as much after many points as after few", () => {
    const { fitted } = learned(200, 0.2);
    expect(fitted.coefficients.every((each) => each >= 0)).toBe(true);
    expect(fitted.factor.length).toBe(MEMORY_TERMS.length);
    expect(fitted.residuals.length).toBeLessThan(200);
  });

  it("has 95 % of what comes within its margin, which is as wide as its errors are large", () => {
    for (const noise of [0.01, 0.1]) {
      const { fitted, rng } = learned(60, noise);
      const predicted = Array.from({ length: 1000 }, () => {
        const terms = randomTerms(rng);
        const { bytes, margin } = predictMemory(fitted, terms);
        const real = paperBytes(terms) * (1 + noise * (2 * rng.nextFloat() - 1));
        return { isWithin: real <= bytes + margin, width: margin / bytes };
      });
      expect(mean(predicted.map(({ isWithin }) => Number(isWithin)))).toBeGreaterThan(0.9);
      expect(mean(predicted.map(({ width }) => width))).toBeLessThan(2 * noise);
    }
  });

  it("says more of a margin for work unlike all that was measured", () => {
    const { fitted, rng } = learned(30, 0.01);
    const terms = randomTerms(rng);
    const usual = predictMemory(fitted, terms);
    const unlike = predictMemory(fitted, { ...terms, attention: 100 * terms.attention });
    expect(unlike.margin / unlike.bytes).toBeGreaterThan((3 * usual.margin) / usual.bytes);
  });

  it("goes on from JSON as it would have", () => {
    const { fitted, rng } = learned(9, 0.05);
    const read: FittedMemory = JSON.parse(JSON.stringify(fitted));
    const terms = randomTerms(rng);
    expect(learnMemory(read, terms, 1e8)).toEqual(learnMemory(fitted, terms, 1e8));
  });

  it("takes no point without bytes", () => {
    expect(() => learnMemory(INITIAL_MEMORY, randomTerms(createRng("none")), 0)).toThrow(
      /Expected a positive number of measured bytes, got 0/,
    );
  });
});
