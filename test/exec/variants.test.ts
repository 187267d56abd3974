import path from "node:path";
import { describe, expect, test } from "vitest";
import { type AdapterPair, openModelFolder, readPeftFolder } from "../../exec/index.ts";
import { type AdapterSpec, type Projection, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import {
  HAS_VARIANTS,
  readVariant,
  runVariant,
  VARIANTS_FOLDER,
  variantPairs,
  variantTensors,
  worstShare,
} from "./variant-case.ts";

const LOSS = 1e-6;
const GRADIENT = 2e-5;
const TRAINED = 1e-5;

const relative = (value: number, expected: number): number => Math.abs(value / expected - 1);

describe
  .skipIf(!HAS_VARIANTS)
  .each([
    "lora",
    "lora_clip",
    "rslora",
    "dora",
    "dora_fresh",
    "loraplus",
    "loraplus_dora",
    "patterns_suffix",
    "patterns_regex",
    "lm_head",
  ])("%s", (name) => {
  test("has PEFT's losses, norms and gradients, and its adapter after five steps", async () => {
    const variant = readVariant(name);
    const { losses, gradNorms, states } = await runVariant(variant);
    expect(states).toHaveLength(5);
    for (const [step, loss] of variant.known.losses.entries()) expect(relative(losses[step]!, loss)).toBeLessThan(LOSS);
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

/** Adapters of PEFT that are read as the start of a job, and those that are refused at a key. */
describe.skipIf(!HAS_VARIANTS)("PEFT's folder of the variant", () => {
  const ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"] as const;
  const read = (folder: string, targets: readonly Projection[], rank = 4, alpha = 8): readonly AdapterPair[] => {
    const { architecture } = openModelFolder(path.join(VARIANTS_FOLDER, "model"));
    const spec: AdapterSpec = { rank, alpha, dropout: 0, targets: [...targets] };
    return readPeftFolder(path.join(VARIANTS_FOLDER, folder), spec, architecture);
  };

  test("all_linear, whose targets are whole names, and a converted pissa are read", () => {
    expect(read("all_linear/after", UNFUSED_PROJECTIONS)).toHaveLength(14);
    expect(read("pissa/converted", ATTENTION, 8, 16)).toHaveLength(8);
  });

  test.each([
    ["pissa/after", ATTENTION, "init_lora_weights"],
    ["rslora/init", ATTENTION, "use_rslora"],
    ["dora/init", ATTENTION, "use_dora"],
    ["patterns_suffix/init", ATTENTION, "alpha_pattern"],
    ["patterns_regex/init", ATTENTION, "alpha_pattern"],
    ["target_regex/init", ["q_proj", "v_proj"], "target_modules"],
    ["layers_to_transform/init", ATTENTION, "layers_to_transform"],
    ["lm_head/init", ["q_proj"], "target_modules"],
    ["modules_to_save/init", ATTENTION, "modules_to_save"],
  ] as const)("%s is refused", (folder, targets, key) => {
    expect(() => read(folder, targets)).toThrow(new RegExp(` at ${key}, got `));
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
  ).toBeGreaterThan(100 * TRAINED);
});

test.skipIf(!HAS_VARIANTS)("magnitudes that nobody has trained start as PEFT's: norms of the base's rows", async () => {
  const variant = readVariant("dora_fresh");
  const known = variantPairs(variant, "init");
  const untrained = known.map((pair) => ({ ...pair, magnitudes: pair.magnitudes!.map(() => Number.NaN) }));
  const { states } = await runVariant(variant, {}, untrained);
  expect(worstShare(variant, states[4]!.parameters, variantPairs(variant, "after"))).toBeLessThan(TRAINED);
});
