import { describe, expect, test } from "vitest";
import { HAS_VARIANTS, readVariant, runVariant, variantPairs, variantTensors, worstShare } from "./variant-case.ts";

const LOSS = 5e-6;
const GRADIENT = 2e-4;
const TRAINED = 2e-4;

const relative = (value: number, expected: number): number => Math.abs(value / expected - 1);

describe.skipIf(!HAS_VARIANTS).each(["lora", "lora_clip", "rslora", "loraplus"])("%s", (name) => {
  test("has PEFT's losses, norms and gradients, and its adapter after five steps", async () => {
    const variant = readVariant(name);
    const { losses, gradNorms, states } = await runVariant(variant);
    expect(states).toHaveLength(5);
    for (const [step, loss] of variant.known.losses.entries())
      expect(relative(losses[step]!, loss)).toBeLessThan(step === 0 ? LOSS : TRAINED);
    for (const [step, norm] of variant.known.grad_norms.entries())
      expect(relative(gradNorms[step]!, norm)).toBeLessThan(GRADIENT);
    const { max_grad_norm: most, grad_norms: norms } = variant.known;
    // The first moment after one step is a tenth of the gradient as it was clipped.
    const clip = most === null ? 1 : Math.min(1, most / (norms[0]! + 1e-6));
    const first = states[0]!.firstMoment!;
    expect(worstShare(variant, first, variantTensors(variant, "grads.safetensors"), 10 / clip)).toBeLessThan(GRADIENT);
    expect(worstShare(variant, states[4]!.parameters, variantPairs(variant, "after"))).toBeLessThan(TRAINED);
  });
});

test.skipIf(!HAS_VARIANTS)("clips step by step as PyTorch does", async () => {
  const variant = readVariant("lora_clip");
  const { states } = await runVariant(variant);
  for (const [step, { parameters }] of states.entries())
    expect(worstShare(variant, parameters, variantTensors(variant, `step${step}.safetensors`))).toBeLessThan(TRAINED);
  // Without clipping the second step is another one.
  const { maxGradNorm, ...unclipped } = variant.optimizer;
  expect(maxGradNorm).toBe(1);
  const other = await runVariant({ ...variant, optimizer: unclipped });
  expect(
    worstShare(variant, other.states[1]!.parameters, variantTensors(variant, "step1.safetensors")),
  ).toBeGreaterThan(0.01);
});
