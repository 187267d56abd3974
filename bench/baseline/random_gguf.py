#!/usr/bin/env python3
"""Writes a random Llama of a shape as GGUF, as llama.cpp reads it: random_gguf.py FILE CONFIG float32|bfloat16.

Needs the Python packages gguf and numpy.
"""

import json
import sys

import gguf
import numpy as np


def main():
    file, config, dtype = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
    hidden, layers, inner = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    heads, kv_heads, vocabulary = config["num_attention_heads"], config["num_key_value_heads"], config["vocab_size"]
    width = config.get("head_dim") or hidden // heads
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if dtype == "bfloat16" else gguf.LlamaFileType.ALL_F32)
    # A vocabulary of the SentencePiece kind has three tokens of its own, and one of each byte.
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += [f"<t{i}>" for i in range(len(tokens), vocabulary)]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, *[gguf.TokenType.BYTE] * 256]
    kinds += [gguf.TokenType.NORMAL] * (vocabulary - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token.encode() for token in tokens])
    writer.add_token_scores([0.0] * vocabulary)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    random = np.random.default_rng(0)

    def add(name, *shape):
        values = (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        elif dtype == "bfloat16":
            data = gguf.quantize(values, gguf.GGMLQuantizationType.BF16)
            writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(name, values)

    add("token_embd.weight", vocabulary, hidden)
    add("output_norm.weight", hidden)
    for layer in range(layers):
        block = f"blk.{layer}"
        add(f"{block}.attn_norm.weight", hidden)
        add(f"{block}.attn_q.weight", heads * width, hidden)
        add(f"{block}.attn_k.weight", kv_heads * width, hidden)
        add(f"{block}.attn_v.weight", kv_heads * width, hidden)
        add(f"{block}.attn_output.weight", hidden, heads * width)
        add(f"{block}.ffn_norm.weight", hidden)
        add(f"{block}.ffn_gate.weight", inner, hidden)
        add(f"{block}.ffn_up.weight", inner, hidden)
        add(f"{block}.ffn_down.weight", hidden, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
