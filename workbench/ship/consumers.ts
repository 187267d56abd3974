// What becomes of an adapter where it is served. Every rule is from the sources or runs that stand beside the name.
import type { AdapterFolder, ScaledModule } from "./adapter-folder.ts";
import type { Feature } from "./features.ts";

export const CONSUMERS = ["peft", "vllm", "sglang", "llama.cpp", "ollama"] as const;
export type Consumer = (typeof CONSUMERS)[number];

/**
 * refused: it does not load. ignored: it loads, and this has no effect. wrong: it loads, and the result is another one.
 * uncertain: it depends on the version or the model.
 */
export const EFFECTS = ["refused", "ignored", "wrong", "uncertain"] as const;
export type Effect = (typeof EFFECTS)[number];

export interface Rule {
  readonly effect: Effect;
  readonly says: string;
  readonly instead: string;
}

export interface ConsumerRules {
  readonly title: string;
  /** What was read or run. */
  readonly source: string;
  /** What it multiplies a module's update by. */
  readonly scale: (adapter: AdapterFolder, module: ScaledModule) => number;
  readonly scaleIs: string;
  readonly rightScale: string;
  /** The largest rank by default, the option that raises it, and how far. */
  readonly ranks?: { readonly most: number; readonly option: string; readonly allowed: readonly number[] };
  readonly rules: Partial<Readonly<Record<Feature, Rule>>>;
}

const MERGE = "Use `loratwin export --to merged`.";
const BY_PEFT = "Let PEFT merge it: merge_and_unload().";
const BY_NAMES = "Name its tensors as PEFT does: base_model.model.MODULE.lora_A.weight.";
const COMPLETE = "Save the adapter again: each module has lora_A and lora_B.";
const refused = (says: string, instead: string = MERGE): Rule => ({ effect: "refused", says, instead });
const ignored = (says: string, instead: string = MERGE): Rule => ({ effect: "ignored", says, instead });
const uncertain = (says: string, instead: string = MERGE): Rule => ({ effect: "uncertain", says, instead });

const PAIRS = {
  "names of others": ignored("It looks for PEFT's names, and finds no such module.", BY_NAMES),
  "half a pair": ignored("A module has one of its two matrices.", COMPLETE),
  "other tensors": ignored("It knows no such tensor.", BY_NAMES),
} as const satisfies Partial<Record<Feature, Rule>>;

const CHANGED_BASE: Rule = {
  effect: "wrong",
  says: "The adapter belongs to a base that its start has changed.",
  instead: "Let PEFT convert it: save_pretrained(FOLDER, path_initial_model_for_weight_conversion=START).",
};

const LLAMA_CPP: Omit<ConsumerRules, "title" | "source"> = {
  scale: ({ alpha }, { rank }) => alpha / rank,
  scaleIs: "its converter writes one alpha, which is divided by each module's rank",
  rightScale: "Use `loratwin export --to gguf`, which writes the right scale.",
  rules: {
    ...PAIRS,
    magnitudes: refused("Its converter knows no magnitudes."),
    experts: refused("Its converter has no names for PEFT's adapters of experts."),
    router: refused("Its converter has no names for PEFT's adapters of routers."),
    "tied head": refused("The base has no output matrix of its own there."),
    embedding: refused("With a tied head the process ends with an assertion, and loratwin writes none.", BY_PEFT),
    biases: refused("Its converter knows no biases.", BY_PEFT),
    "biases of updates": refused("Its converter knows no biases.", BY_PEFT),
    "saved norms": ignored("Its converter writes them, and llama.cpp passes over them.", BY_PEFT),
    "saved modules": refused("Its converter knows no saved modules.", BY_PEFT),
    "trained tokens": refused("Its converter knows no trained tokens."),
    "other form": refused("It computes plain low-rank updates.", BY_PEFT),
    "changed base": CHANGED_BASE,
  },
};

export const CONSUMER_RULES: Readonly<Record<Consumer, ConsumerRules>> = {
  peft: {
    title: "PEFT",
    source: "peft 0.21.2, run",
    scale: (_, { scale }) => scale,
    scaleIs: "",
    rightScale: "",
    rules: {
      ...PAIRS,
      "changed base": {
        ...CHANGED_BASE,
        effect: "uncertain",
        says: "PEFT changes the base in the same way as it loads it.",
      },
    },
  },
  vllm: {
    title: "vLLM",
    source: "vllm/lora/peft_helper.py (e745baff), lora_model.py (0306474e), vllm/config/lora.py (01230b40), read",
    scale: ({ alpha, rank, rslora }) => alpha / (rslora ? Math.sqrt(rank) : rank),
    scaleIs: "it has one rank and one alpha for all modules",
    rightScale: MERGE,
    ranks: { most: 16, option: "--max-lora-rank", allowed: [1, 8, 16, 32, 64, 128, 256, 320, 512] },
    rules: {
      ...PAIRS,
      "half a pair": refused("A module has one of its two matrices.", COMPLETE),
      "other tensors": refused("It refuses tensors of modules that it does not know.", BY_NAMES),
      magnitudes: refused("It knows no DoRA."),
      experts: uncertain("Some versions read adapters of experts, of some models."),
      router: uncertain("Not every model lets its router have an adapter."),
      "tied head": uncertain("Only models that list lm_head as a module with adapters take one."),
      "untied head": uncertain("Only models that list lm_head as a module with adapters take one."),
      embedding: uncertain("Only models that list embed_tokens as a module with adapters take one.", BY_PEFT),
      biases: refused("It takes bias: none alone.", BY_PEFT),
      "biases of updates": refused("It knows no such tensor.", BY_PEFT),
      "saved norms": refused("It refuses modules_to_save.", BY_PEFT),
      "saved modules": refused("It refuses modules_to_save.", BY_PEFT),
      "trained tokens": refused("It knows no such tensor."),
      "other form": uncertain("It computes plain low-rank updates.", BY_PEFT),
      "changed base": CHANGED_BASE,
    },
  },
  sglang: {
    title: "SGLang",
    source: "sglang/srt/lora/lora_config.py (0ceb81fe), lora.py (002c60aa), utils.py (01235a16), issue 40835, read",
    scale: ({ alpha, rank }) => alpha / rank,
    scaleIs: "it takes alpha / r for all modules",
    rightScale: MERGE,
    rules: {
      ...PAIRS,
      magnitudes: refused("It refuses use_dora."),
      experts: uncertain("Some versions read adapters of experts, of some models."),
      router: uncertain("It lists no router among the modules that may have adapters."),
      "tied head": uncertain("Newer versions alone take an adapter on lm_head."),
      "untied head": uncertain("Newer versions alone take an adapter on lm_head."),
      embedding: uncertain("Newer versions alone take an adapter on embed_tokens.", BY_PEFT),
      biases: uncertain("Its sources name no biases.", BY_PEFT),
      "biases of updates": uncertain("Its sources name no biases.", BY_PEFT),
      "saved norms": uncertain("Its sources name no saved modules.", BY_PEFT),
      "saved modules": uncertain("Its sources name no saved modules.", BY_PEFT),
      "trained tokens": refused("It refuses added tokens."),
      "other form": uncertain("It computes plain low-rank updates.", BY_PEFT),
      "changed base": CHANGED_BASE,
      "targets by an expression": refused(
        "It takes a list of names, or all-linear.",
        "Write target_modules of adapter_config.json as a list of names.",
      ),
    },
  },
  "llama.cpp": {
    title: "llama.cpp",
    source: "llama.cpp v0.4.0 (2026-09-12), converter and library, run",
    ...LLAMA_CPP,
  },
  ollama: {
    title: "Ollama",
    source: "Ollama v0.33.0-rc2 (fb307609), read; it runs llama.cpp b10488",
    ...LLAMA_CPP,
    scaleIs: `with llama.cpp's converter ${LLAMA_CPP.scaleIs.replace("its converter writes one alpha", "there is one alpha")}`,
    rightScale: "Use `loratwin export --to ollama`, which writes the right scale.",
  },
};

/** What `--to merged` refuses: what is no product of two matrices that is added to one of the base, and no row of its embedding. */
export const MERGE_REFUSES: Partial<Readonly<Record<Feature, string>>> = {
  embedding: BY_PEFT,
  biases: BY_PEFT,
  "biases of updates": BY_PEFT,
  "saved norms": BY_PEFT,
  "saved modules": BY_PEFT,
  "other form": BY_PEFT,
  "changed base": CHANGED_BASE.instead,
  "names of others": BY_NAMES,
  "half a pair": COMPLETE,
  "other tensors": BY_NAMES,
};
