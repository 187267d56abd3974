// @module-tag slow
import { describe, expect, test } from "vitest";
import { Decoder } from "../../../exec/generation/decoder.ts";
import type { SequencePart } from "../../../exec/generation/sequence-runs.ts";
import type { Dtype } from "../../../plan/index.ts";
import { useEmulatedAddon } from "../../native/emulated-addon.ts";
import { HAS_FAMILIES, readFamily, readFamilyAdapter } from "../family-case.ts";

useEmulatedAddon();

const TOKENS = Array.from({ length: 45 }, (_, i) => (i * 37 + 5) % 90);
const TOTAL = TOKENS.length;

/** The part of the sequence that begins at `past`. */
function part(past: number, end: number, cacheRow: number, adapter: string | undefined): SequencePart {
  const tokens = TOKENS.slice(past, end);
  return { tokens, past, cacheRow, total: TOTAL, adapter, wantsLogits: end === TOTAL };
}

// Windows, chunks, caps, sinks, long frequencies, experts.
describe.skipIf(!HAS_FAMILIES).each(["gemma2", "llama4-dense", "phi3-longrope", "gpt-oss"] as const)("%s", (name) => {
  test.each<Dtype>(["float32", "bfloat16"])(
    "on an emulated GPU has the same logits however a sequence is cut, and whatever is beside it: %s",
    async (dtype) => {
      const family = readFamily(name);
      const adapter = readFamilyAdapter(family, "attention");
      using decoder = await Decoder.open({
        ...{ model: family.model, dtype, specs: [adapter.spec], runRows: 100, sequences: 3, cacheRows: 160 },
        device: { kind: "cuda", name: "cuda:0", index: 0, graphs: "off" },
      });
      decoder.add({ name: "own", ...adapter });
      const [whole, base] = await decoder.run([part(0, TOTAL, 1, "own"), part(0, TOTAL, 50, undefined)]);
      expect(whole!.logits).not.toEqual(base!.logits);
      let past = 0;
      for (const end of [3, 4, 20, 21, 44]) {
        await decoder.run([part(past, end, 100, "own")]);
        past = end;
      }
      const [again, last, alsoBase] = await decoder.run([
        part(0, TOTAL, 1, "own"),
        part(44, TOTAL, 100, "own"),
        part(44, TOTAL, 50, undefined),
      ]);
      for (const result of [again, last]) {
        expect(result!.logits).toEqual(whole!.logits);
        expect(result!.logSum).toBe(whole!.logSum);
      }
      expect(alsoBase!.logits).toEqual(base!.logits);
    },
    120_000,
  );
});
