import { writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type CheckedAdapter, checkAdapter, takesEffect } from "../../../workbench/ship/check-adapter.ts";
import { CONSUMER_RULES, CONSUMERS, type Consumer } from "../../../workbench/ship/consumers.ts";
import { FEATURES, type Feature } from "../../../workbench/ship/features.ts";
import { temporaryFolder } from "../../cli/run-cli.ts";
import { type MadeAdapter, makeAdapter, makeBase, ones } from "./made-adapter.ts";
import { ADAPTERS, baseOf, exported, HAS_EXPORTS } from "./oracle-export.ts";

const root = temporaryFolder();
const place = { cwd: root };
const at = (...names: readonly string[]): string => path.join(root, ...names);
const [BASE, TIED] = [at("base"), at("tied")];

beforeAll(() => {
  makeBase(BASE);
  makeBase(TIED, true);
});

let made = 0;

async function checked(
  how: MadeAdapter = {},
  base = BASE,
  consumers: readonly Consumer[] = CONSUMERS,
): Promise<CheckedAdapter> {
  made += 1;
  const adapter = `adapter-${made}`;
  makeAdapter(at(adapter), base, how);
  return await checkAdapter(place, { adapter, consumers });
}

/** "refused: magnitudes", by consumer. */
function foundBy({ consumers }: CheckedAdapter): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    consumers.map(({ consumer, findings }) => [consumer, findings.map(({ effect, about }) => `${effect}: ${about}`)]),
  );
}

const NONE = Object.fromEntries(CONSUMERS.map((consumer) => [consumer, []]));
const LAYER = "base_model.model.model.layers.0";

describe("a plain adapter", () => {
  it("takes effect everywhere", async () => {
    const result = await checked();
    expect(foundBy(result)).toEqual(NONE);
    expect(result.consumers.every(takesEffect)).toBe(true);
    expect(result.modules).toHaveLength(4);
    for (const { effective } of result.consumers) expect(effective).toEqual(result.modules);
  });

  it.skipIf(!HAS_EXPORTS)("of PEFT takes effect there, whatever its form", async () => {
    for (const name of ADAPTERS) {
      const adapter = exported("adapters", name);
      const result = await checkAdapter(place, { adapter, consumers: ["peft"], base: baseOf(name) });
      expect(foundBy(result)).toEqual({ peft: [] });
    }
  });
});

/** How an adapter comes to have a feature. */
const MADE: Readonly<Record<Exclude<Feature, "experts" | "router">, readonly [MadeAdapter, base?: string]>> = {
  magnitudes: [{ spec: { dora: true } }],
  "tied head": [{ spec: { targets: ["lm_head"] } }, TIED],
  "untied head": [{ spec: { targets: ["lm_head"] } }],
  embedding: [
    {
      tensors: (all) => [
        ...all,
        ones("base_model.model.model.embed_tokens.lora_embedding_A", 4, 258),
        ones("base_model.model.model.embed_tokens.lora_embedding_B", 32, 4),
      ],
    },
  ],
  biases: [{ config: (c) => ({ ...c, bias: "lora_only" }) }],
  "biases of updates": [{ tensors: (all) => [...all, ones(`${LAYER}.self_attn.q_proj.lora_B.bias`, 32)] }],
  "saved norms": [{ tensors: (all) => [...all, ones(`${LAYER}.input_layernorm.weight`, 32)] }],
  "saved modules": [{ tensors: (all) => [...all, ones("base_model.model.lm_head.weight", 258, 32)] }],
  "trained tokens": [{ config: (c) => ({ ...c, trainable_token_indices: { embed_tokens: [3] } }) }],
  "other form": [{ config: (c) => ({ ...c, use_qalora: true }) }],
  "changed base": [{ config: (c) => ({ ...c, init_lora_weights: "pissa_niter_4" }) }],
  "targets by an expression": [{ config: (c) => ({ ...c, target_modules: ".*\\.(q|v)_proj" }) }],
  "names of others": [{ tensors: (all) => [...all, ones("model.layers.0.self_attn.k_proj.lora_A.weight", 4, 32)] }],
  "half a pair": [{ tensors: (all) => [...all, ones(`${LAYER}.self_attn.k_proj.lora_A.weight`, 4, 32)] }],
  "other tensors": [{ tensors: (all) => [...all, ones(`${LAYER}.self_attn.k_proj.scaling`, 4)] }],
};

describe("each rule of each consumer is told, with what to do instead", () => {
  it.each(Object.keys(MADE) as (keyof typeof MADE)[])("%s", async (feature) => {
    const [how, base] = MADE[feature];
    const { consumers } = await checked(how, base ?? BASE);
    for (const { consumer, findings } of consumers) {
      const rule = CONSUMER_RULES[consumer].rules[feature];
      const own = findings.filter(({ about }) => about === feature);
      expect([consumer, own.map(({ effect, says, instead }) => ({ effect, says, instead }))]).toEqual([
        consumer,
        rule === undefined ? [] : [rule],
      ]);
    }
  });

  it("has a case for each feature but those of mixtures", () => {
    expect([...Object.keys(MADE), "experts", "router"].sort()).toEqual([...FEATURES].sort());
  });
});

describe("the scale", () => {
  const scales = async (how: MadeAdapter): Promise<Partial<Record<Consumer, string>>> =>
    Object.fromEntries(
      (await checked(how)).consumers.flatMap(({ consumer, findings }) =>
        findings.filter(({ about }) => about === "scale").map(({ says }) => [consumer, says.split(" times")[0]!]),
      ),
    );

  it("of rsLoRA is wrong where alpha / r is taken", async () => {
    expect(await scales({ spec: { rslora: true } })).toEqual({
      sglang: "The update is 0.5",
      "llama.cpp": "The update is 0.5",
      ollama: "The update is 0.5",
    });
  });

  it("of a pattern of alphas is wrong but in PEFT", async () => {
    expect(Object.keys(await scales({ spec: { alphaPattern: { q_proj: 16 } } }))).toEqual([
      ...["vllm", "sglang", "llama.cpp", "ollama"],
    ]);
  });

  it("of a pattern of ranks is right in llama.cpp, which goes by the matrices", async () => {
    expect(Object.keys(await scales({ spec: { rankPattern: { q_proj: 2 } } }))).toEqual(["vllm", "sglang"]);
  });
});

describe("the rank", () => {
  it("has a limit in vLLM, which an option raises", async () => {
    const { consumers } = await checked({ spec: { rank: 24 } }, BASE, ["vllm"]);
    expect(consumers[0]!.findings).toMatchObject([{ about: "rank", instead: "Start it with --max-lora-rank 32." }]);
    expect(consumers[0]!.effective).toEqual([]);
  });
});

describe("tensors that the base or the configuration contradicts", () => {
  const own = async (how: MadeAdapter): Promise<readonly string[]> =>
    foundBy(await checked(how, BASE, ["peft"]))["peft"]!;

  it.each([
    [
      "wrong: modules that the base lacks",
      {
        config: (c) => ({ ...c, target_modules: ["q_proj", "v_proj", "w"] }),
        tensors: (all) => [...all, ones(`${LAYER}.w.lora_A.weight`, 4, 32), ones(`${LAYER}.w.lora_B.weight`, 32, 4)],
      },
    ],
    [
      "refused: shapes",
      {
        tensors: (all) =>
          all.map((t) => (t.name.endsWith("0.self_attn.v_proj.lora_B.weight") ? ones(t.name, 32, 4) : t)),
      },
    ],
    [
      "wrong: numbers",
      {
        tensors: (all) =>
          all.map((t, i) => (i === 0 ? { ...t, values: t.values.map(() => Number.POSITIVE_INFINITY) } : t)),
      },
    ],
    ["ignored: tensors that target_modules does not name", { config: (c) => ({ ...c, target_modules: ["q_proj"] }) }],
    [
      "ignored: tensors that are missing",
      { config: (c) => ({ ...c, target_modules: ["q_proj", "v_proj", "up_proj"] }) },
    ],
    ["wrong: targets", { config: ({ target_modules: _, ...c }) => c }],
    ["uncertain: targets", { config: (c) => ({ ...c, target_modules: "((a*)*)*" }) }],
  ] as readonly (readonly [string, MadeAdapter])[])("%s", async (finding, how) => {
    expect(await own(how)).toContain(finding);
  });

  it("are not looked for where there is no base, which is said", async () => {
    const result = await checked({ config: (c) => ({ ...c, base_model_name_or_path: null }) });
    expect(result.base).toBeNull();
    expect(result.notes[0]).toMatch(/^No base was found/);
    expect(foundBy(result)).toEqual(NONE);
  });

  it("layers that are left out on purpose are not missing", async () => {
    const tensors: MadeAdapter["tensors"] = (all) => all.filter(({ name }) => name.includes("layers.1."));
    expect(await own({ tensors, config: (c) => ({ ...c, layers_to_transform: [1] }) })).toEqual([]);
    expect(await own({ tensors })).toEqual(["ignored: tensors that are missing"]);
  });
});

describe("what is no adapter is refused", () => {
  it.each([
    ["base", /It is a model's folder, not an adapter's/],
    ["nowhere", /Expected an adapter's folder, got "no such folder"/],
  ])("%s", async (adapter, text) => {
    await expect(checkAdapter(place, { adapter, consumers: CONSUMERS })).rejects.toThrow(text);
  });

  it("a configuration that is no JSON", async () => {
    makeAdapter(at("broken"), BASE);
    writeFileSync(at("broken", "adapter_config.json"), '{ "peft_type": ');
    await expect(checkAdapter(place, { adapter: "broken", consumers: CONSUMERS })).rejects.toThrow(
      /broken\/adapter_config.json/,
    );
  });

  it.each([
    ["r", "4.0"],
    ["lora_alpha", "8"],
    ["rank_pattern", [1]],
  ])("a %s that is none", async (key, value) => {
    await expect(checked({ config: (c) => ({ ...c, [key]: value }) })).rejects.toThrow(new RegExp(`at ${key}, got`));
  });
});
