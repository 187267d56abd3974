import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { StepMetrics } from "../../exec/index.ts";
import { type LossSpec, microBatchTokens, trainedTokens } from "../../plan/index.ts";
import { SHARED } from "../shared-folder.ts";
import {
  caseTensors,
  distance,
  HAS_LOSSES,
  jobOfCase,
  type PreferenceCase,
  plainJob,
  runJobs,
  tensorsOf,
} from "./preference-case.ts";
import { expectPlannedRoom } from "./small-run.ts";

type Measures = NonNullable<StepMetrics["preference"]>;

const LOSS = 1e-5;
const GRADIENT = 1e-4;

const ALL = HAS_LOSSES
  ? readdirSync(path.join(SHARED, "oracle/losses/cases"))
      .filter((file) => file.endsWith(".json") && !file.startsWith("tinker"))
      .map((file) => file.slice(0, -".json".length))
  : [];
const SINGLE = ALL.filter((name) => !/_accumulate_|_train5/.test(name));
const TRAININGS = ALL.filter((name) => name.endsWith("_train5"));

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What a line of metrics has to say of a case. */
function wanted({ case: name, nll, kl, ...known }: PreferenceCase) {
  const { chosen, rejected, policy, label, rewards } = known;
  const of = (values: readonly number[], is: boolean): number => mean(values.filter((_, i) => label![i] === is));
  if (policy !== undefined)
    return {
      rewardChosen: of(rewards!, true),
      rewardRejected: of(rewards!, false),
      logpChosen: of(policy, true),
      logpRejected: of(policy, false),
      ...(name.includes("unpaired") ? {} : { kl: kl! }),
    };
  const margins = known.margins!;
  return {
    rewardChosen: mean(known.rewards_chosen!),
    rewardRejected: mean(known.rewards_rejected!),
    margin: mean(margins),
    accuracy: margins.filter((margin) => margin > 0).length / margins.length,
    logpChosen: mean(chosen!.policy),
    logpRejected: mean(rejected!.policy),
    ...(nll === undefined || nll === 0 ? {} : { nll }),
  };
}

describe.skipIf(!HAS_LOSSES)("TRL's case", () => {
  test.each(SINGLE)("%s has its loss, rewards, log-probabilities and gradients", async (name) => {
    const { known, ...job } = jobOfCase(name);
    const { own, gradients } = await runJobs([job]);
    const [{ loss, gradNorm, preference }] = own as [(typeof own)[number]];
    expect(Math.abs(loss - known.loss)).toBeLessThan(LOSS * Math.max(1, Math.abs(known.loss)));
    for (const [key, value] of Object.entries(wanted(known)))
      expect(Math.abs(preference![key as keyof typeof preference]! - value), key).toBeLessThan(
        2e-5 * Math.max(1, Math.abs(value)),
      );
    expect(Math.abs(gradNorm / known.grad_norm - 1)).toBeLessThan(GRADIENT);
    expect(distance(gradients, caseTensors(`${name}.safetensors`))).toBeLessThan(GRADIENT);
  });

  test.each(TRAININGS)("%s has its losses, norms and adapter", async (name) => {
    const { known, ...job } = jobOfCase(name);
    const { own, adapters } = await runJobs([job]);
    known.history!.forEach(({ loss, grad_norm: norm }, step) => {
      expect(Math.abs(own[step]!.loss / loss - 1)).toBeLessThan(1e-4);
      expect(Math.abs(own[step]!.gradNorm / norm - 1)).toBeLessThan(5e-4);
    });
    expect(distance(tensorsOf(adapters[0]!), caseTensors(`${name}.adapter.safetensors`))).toBeLessThan(1e-4);
  });
});

const KINDS = ["dpo_sigmoid_sft_b0.1", "dpo_apo_zero_b0.1", "cpo_b0.1", "orpo_b0.1", "simpo_b2_g0.5"] as const;
const UNPAIRED = ["kto_b0.1", "kto_b0.5_w", "kto_b0.1_clamped", "kto_apo_zero_unpaired_b0.1"] as const;

describe.skipIf(!HAS_LOSSES)("a job with a loss that compares answers", () => {
  test.each(KINDS)("has the whole batch's gradient in micro-batches of one pair: %s", async (name) => {
    const { known, ...job } = jobOfCase(name);
    const { own, gradients, plan } = await runJobs([job], { microBatchSize: 1 });
    expect(plan.microBatches).toHaveLength(4);
    expect(Math.abs(own[0]!.loss - known.loss)).toBeLessThan(LOSS * known.loss);
    expect(distance(gradients, caseTensors(`${name}.safetensors`))).toBeLessThan(GRADIENT);
  });

  test.each(UNPAIRED)("has the whole batch's gradient in micro-batches of one answer: %s", async (name) => {
    const { known, ...job } = jobOfCase(name);
    for (const run of [{ microBatchSize: 1 }, { microBatchSize: 1, devices: "cpu:0,cpu:1" }]) {
      const { own, gradients, plan, statistics } = await runJobs([job], run);
      expect(plan.microBatches.length).toBe((name.includes("unpaired") ? 1 : 2) * job.steps[0]!.length);
      expect(Math.abs(own[0]!.loss / known.loss - 1)).toBeLessThan(LOSS);
      if (known.kl !== undefined && !name.includes("unpaired"))
        expect(Math.abs(own[0]!.preference!.kl! - known.kl)).toBeLessThan(2e-5);
      expect(distance(gradients, caseTensors(`${name}.safetensors`))).toBeLessThan(GRADIENT);
      for (const [stage, planned] of plan.memory.entries()) expectPlannedRoom(plan, planned, statistics[stage]!);
    }
  });

  test("trains as kto does in one micro-batch, in several of them, alone and beside others", async () => {
    const { known: _, ...job } = jobOfCase("kto_train5");
    const whole = await runJobs([job]);
    const cut = await runJobs([job], { microBatchSize: 1 });
    expect(cut.plan.microBatches).toHaveLength(2 * 5 * job.steps[0]!.length);
    expect(distance(tensorsOf(cut.adapters[0]!), tensorsOf(whole.adapters[0]!))).toBeLessThan(1e-5);
    const { known: __, ...other } = jobOfCase("dpo_train5");
    const mixed = await runJobs([plainJob(5), job, other], { microBatchSize: 1, groups: 1, devices: "cpu:0,cpu:1" });
    expect(mixed.plan.groups).toHaveLength(1);
    expect(tensorsOf(mixed.adapters[1]!)).toEqual(tensorsOf(cut.adapters[0]!));
    const packed = await runJobs([job], { microBatchSize: 1, recompute: "layer" });
    expect(tensorsOf(packed.adapters[0]!)).toEqual(tensorsOf(cut.adapters[0]!));
  });

  test.each(["dpo_train5", "orpo_train5", "kto_train5"])(
    "trains the same bytes alone and beside others: %s",
    async (name) => {
      const { known: _, ...job } = jobOfCase(name);
      const { known: __, ...other } = jobOfCase("cpo_b0.5_ls0.1");
      const alone = await runJobs([job]);
      const plain = await runJobs([plainJob(5)]);
      const mixed = await runJobs(
        [job, plainJob(5), { ...other, steps: Array.from({ length: 5 }, () => other.steps[0]!) }],
        {
          groups: 1,
        },
      );
      expect(mixed.plan.groups).toHaveLength(1);
      expect(mixed.own.map(({ seconds: _s, ...rest }) => rest)).toEqual(
        alone.own.map(({ seconds: _s, ...rest }) => rest),
      );
      expect(tensorsOf(mixed.adapters[0]!)).toEqual(tensorsOf(alone.adapters[0]!));
      expect(tensorsOf(mixed.adapters[1]!)).toEqual(tensorsOf(plain.adapters[0]!));
    },
  );

  test.each(["dpo_train5", "orpo_train5"])(
    "trains the same bytes on two stages, and with layers computed again: %s",
    async (name) => {
      const { known: _, ...job } = jobOfCase(name);
      const one = await runJobs([job], { microBatchSize: 2 });
      const two = await runJobs([job], { microBatchSize: 2, devices: "cpu:0,cpu:1" });
      const again = await runJobs([job], { microBatchSize: 2, recompute: "layer" });
      expect(two.plan.stages).toHaveLength(2);
      expect(again.plan.stages[0]!.recomputedLayers).toBe(2);
      for (const other of [two, again]) expect(tensorsOf(other.adapters[0]!)).toEqual(tensorsOf(one.adapters[0]!));
    },
  );

  test("leaves the base's answers out of a backward", async () => {
    const { known: _, ...job } = jobOfCase("dpo_sigmoid_b0.1");
    const { plan } = await runJobs([job]);
    const [{ rows }] = plan.microBatches as [(typeof plan.microBatches)[number]];
    for (const row of rows) {
      const own = row[4]!.answers.reduce((sum, [tokens]) => sum + tokens, 0);
      expect(row[2]).toBe(2 * own);
    }
    expect(trainedTokens({ rows })).toBe(microBatchTokens({ rows }) / 2);
  });

  test.each(["dpo_train5", "kto_train5"])("compares with its start where that is the reference: %s", async (name) => {
    const { known: _, ...given } = jobOfCase(name);
    const loss = { ...given.loss!, reference: "init" } as LossSpec;
    // The same rows in each step, so that what is known of the start is known of it in the second step, too.
    const steps = given.steps.map(() => given.steps[0]!);
    const job = { ...given, steps, loss, adapter: { ...given.adapter, init: "start" } };
    const { own, plan, statistics, adapters } = await runJobs([job]);
    const [first, second] = own.map(({ preference }) => preference!) as [Measures, Measures];
    expect(first.rewardChosen).toBe(0);
    expect(first.rewardRejected).toBe(0);
    const { beta } = loss as { readonly beta: number };
    for (const side of ["Chosen", "Rejected"] as const) {
      const moved = beta * (second[`logp${side}`]! - first[`logp${side}`]!);
      expect(second[`reward${side}`]! / moved).toBeCloseTo(1, 4);
    }
    if (name === "dpo_train5") expect(own[0]!.loss).toBeCloseTo(Math.log(2), 6);
    const [planned] = plan.memory as [(typeof plan.memory)[number]];
    expectPlannedRoom(plan, planned, statistics[0]!);
    // Beside others, on two stages, in micro-batches and from layers that are computed again: the same bytes.
    const mixed = await runJobs([job, plainJob(5)], { groups: 1, devices: "cpu:0,cpu:1", recompute: "layer" });
    expect(tensorsOf(mixed.adapters[0]!)).toEqual(tensorsOf(adapters[0]!));
  });

  test("trains as PEFT does against a frozen copy of the adapter", async () => {
    const { known: _, ...given } = jobOfCase("dpo_train5");
    const loss = { ...given.loss!, reference: "init" } as LossSpec;
    const { own } = await runJobs([{ ...given, loss, adapter: { ...given.adapter, init: "start" } }]);
    // Of torch 2.15 with PEFT 0.21, one model with the adapter that is trained and one with that which is not.
    const losses = [Math.LN2, 0.68277824, 0.62797153, 0.66809928, 0.71724427];
    const norms = [0.85439295, 0.92619622, 0.89349753, 1.09299958, 0.98795557];
    for (const [step, value] of losses.entries()) {
      expect(Math.abs(own[step]!.loss / value - 1)).toBeLessThan(2e-6);
      expect(Math.abs(own[step]!.gradNorm / norms[step]! - 1)).toBeLessThan(1e-5);
    }
  });

  test.each([
    ["bfloat16", 0.02],
    ["int8", 0.05],
    ["nf4", 0.2],
  ] as const)("is near the case in %s", async (dtype, bound) => {
    const { known, ...job } = jobOfCase("dpo_sigmoid_b0.1");
    const { own, gradients } = await runJobs([job], { dtype });
    expect(Math.abs(own[0]!.loss / known.loss - 1)).toBeLessThan(bound);
    expect(distance(gradients, caseTensors("dpo_sigmoid_b0.1.safetensors"))).toBeLessThan(5 * bound);
  });
});
