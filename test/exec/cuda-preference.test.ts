// @module-tag slow
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LossSpec } from "../../plan/index.ts";
import { launchesOf } from "../../plan/memory/graph-room.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import {
  type CaseResult,
  caseTensors,
  distance,
  HAS_LOSSES,
  jobOfCase,
  plainJob,
  runJobs,
  tensorsOf,
} from "./preference-case.ts";

useEmulatedAddon();

const minutes = (count: number) => count * 60_000;

/** Graphs wherever they can be, so that their nodes tell how many launches there were. */
beforeEach(() => {
  process.env["LORATWIN_CUDA_GRAPHS"] = "on";
});
afterEach(() => {
  delete process.env["LORATWIN_CUDA_GRAPHS"];
});

/** Memory is what was planned, byte for byte, and a graph has as many nodes as launches were planned. */
function expectAsPlanned({ plan, statistics }: CaseResult): void {
  for (const [stage, { memory, graphs }] of statistics.entries()) {
    const planned = plan.memory[stage]!;
    expect(memory.arenaBytes + memory.otherBytes).toBe(planned.activations + planned.buffers + planned.workspace);
    expect(memory.peakBytes).toBe(planned.total);
    const { F, B } = launchesOf(plan, stage);
    expect(graphs.nodes).toBeLessThanOrEqual((graphs.kept / 2) * (F + B));
  }
}

describe.skipIf(!HAS_LOSSES)("TRL's case on emulated GPUs", () => {
  test.each(["dpo_ipo_b0.1", "dpo_apo_zero_b0.1", "orpo_b0.5", "kto_b0.1", "dpo_sigmoid_sft_b0.1"])(
    "%s has its loss and gradients",
    async (name) => {
      const { known, ...job } = jobOfCase(name);
      const result = await runJobs([job], { devices: "cuda:0" });
      expect(Math.abs(result.own[0]!.loss / known.loss - 1)).toBeLessThan(1e-5);
      expect(distance(result.gradients, caseTensors(`${name}.safetensors`))).toBeLessThan(1e-4);
      expectAsPlanned(result);
    },
    minutes(3),
  );

  test(
    "kto_b0.5_w in micro-batches of one answer has its loss and gradients",
    async () => {
      const { known, ...job } = jobOfCase("kto_b0.5_w");
      const result = await runJobs([job], { devices: "cuda:0,cuda:1", microBatchSize: 1 });
      expect(Math.abs(result.own[0]!.loss / known.loss - 1)).toBeLessThan(1e-5);
      expect(distance(result.gradients, caseTensors("kto_b0.5_w.safetensors"))).toBeLessThan(1e-4);
      expectAsPlanned(result);
    },
    minutes(3),
  );

  test(
    "dpo_train5 against its start has the adapter that a CPU gives it",
    async () => {
      const { known: _, ...given } = jobOfCase("dpo_train5");
      const loss = { ...given.loss!, reference: "init" } as LossSpec;
      const job = { ...given, loss, adapter: { ...given.adapter, init: "start" } };
      const cpu = await runJobs([job]);
      const result = await runJobs([job], { devices: "cuda:0", microBatchSize: 2 });
      expect(distance(tensorsOf(result.adapters[0]!), tensorsOf(cpu.adapters[0]!))).toBeLessThan(1e-4);
      expectAsPlanned(result);
    },
    minutes(3),
  );

  test(
    "dpo_train5 has its adapter on two, beside a plain job",
    async () => {
      const { known: _, ...job } = jobOfCase("dpo_train5");
      const result = await runJobs([job, plainJob(5)], { devices: "cuda:0,cuda:1", microBatchSize: 2, groups: 1 });
      expect(distance(tensorsOf(result.adapters[0]!), caseTensors("dpo_train5.adapter.safetensors"))).toBeLessThan(
        1e-4,
      );
      expectAsPlanned(result);
    },
    minutes(3),
  );

  test(
    "cpo_b0.1 is near it in bfloat16",
    async () => {
      const { known, ...job } = jobOfCase("cpo_b0.1");
      const { own, gradients } = await runJobs([job], { devices: "cuda:0", dtype: "bfloat16" });
      expect(Math.abs(own[0]!.loss / known.loss - 1)).toBeLessThan(0.01);
      expect(distance(gradients, caseTensors("cpo_b0.1.safetensors"))).toBeLessThan(0.1);
    },
    minutes(3),
  );
});
