// How llama.cpp names architectures and modules.
import { isMapping, type Mapping, ownValue } from "../../core/index.ts";

interface GgufFamily {
  readonly architecture: string;
  /** Whether neighbouring columns of a head are rotated together there, for which the converter moves rows of q and k. */
  readonly movesRows?: true;
  /** Why an adapter of this model cannot be written. */
  readonly refuses?: (config: Mapping) => string | undefined;
  /** Modules whose adapter ends llama.cpp's process with an assertion when it decodes. */
  readonly stopsAt?: readonly string[];
}

/**
 * By `model_type`. Source: the classes of conversion/*.py of llama.cpp v0.4.0 and gguf-py/gguf/constants.py there. Left
 * out: llama4_text, whose converter wants experts.
 */
const FAMILIES: Readonly<Record<string, GgufFamily>> = {
  llama: { architecture: "llama", movesRows: true },
  mistral: { architecture: "llama", movesRows: true },
  mixtral: { architecture: "llama", movesRows: true },
  granite: { architecture: "granite", movesRows: true },
  smollm3: { architecture: "smollm3", movesRows: true },
  qwen2: { architecture: "qwen2" },
  qwen3: { architecture: "qwen3" },
  qwen3_moe: { architecture: "qwen3moe" },
  gemma2: { architecture: "gemma2" },
  gemma3_text: { architecture: "gemma3" },
  phi3: { architecture: "phi3" },
  olmo2: { architecture: "olmo2" },
  glm4: {
    architecture: "glm4",
    // The converter moves rows of q and k there, in another way.
    refuses: ({ rope_parameters: rope }) =>
      isMapping(rope) && rope["mrope_section"] !== undefined ? "a rope with mrope_section" : undefined,
    // Seen; ggml_mul_mat_set_prec in src/llama-graph.cpp is called on what is a sum then.
    stopsAt: ["o_proj", "down_proj"],
  },
  gpt_oss: { architecture: "gpt-oss" },
};

export function ggufFamily(config: Mapping): GgufFamily | undefined {
  return ownValue(FAMILIES, String(config["model_type"] ?? "llama"));
}

export const GGUF_MODEL_TYPES: readonly string[] = Object.keys(FAMILIES);

/** Of a layer's modules. Source: gguf-py/gguf/tensor_mapping.py of llama.cpp v0.4.0; Phi-3 and GLM-4 have gate above up. */
const MODULES: Readonly<Record<string, string>> = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.qkv_proj": "attn_qkv",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.gate_up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** A module's tensor in GGUF; undefined where it has no name there. */
export function ggufName(path: string): string | undefined {
  if (path === "lm_head") return "output.weight";
  const [, layer, module] = /^model\.layers\.(\d+)\.(.+)$/.exec(path) ?? [];
  const name = module === undefined ? undefined : ownValue(MODULES, module);
  return name === undefined ? undefined : `blk.${layer}.${name}.weight`;
}

/** Modules of an adapter that end llama.cpp's process. */
export function stoppingModules(config: Mapping, paths: readonly string[]): readonly string[] {
  const ends = ggufFamily(config)?.stopsAt ?? [];
  return paths.filter((path) => ends.some((end) => path.endsWith(`.${end}`)));
}

/**
 * Rows of B of queries or keys as llama.cpp wants them: in each head of d rows, row 2i + j is row j d/2 + i of the model
 * (i below d/2, j 0 or 1).
 */
export function withMovedRows(b: Float32Array, rank: number, heads: number): Float32Array {
  const rows = b.length / rank;
  const size = rows / heads;
  const result = new Float32Array(b.length);
  for (let head = 0; head < heads; head += 1)
    for (let row = 0; row < size; row += 1) {
      const from = head * size + (row % 2) * (size / 2) + Math.floor(row / 2);
      result.set(b.subarray(from * rank, (from + 1) * rank), (head * size + row) * rank);
    }
  return result;
}
