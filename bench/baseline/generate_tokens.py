#!/usr/bin/env python3
"""Tokens of a random model by transformers' generate with a cache, greedy, one row and several rows at a time.

Prints {"ready": true}, then {"seconds": s} for each line on standard input: one generation of --tokens tokens behind a
prompt of --prompt tokens, of --rows rows. --check prints the version and stops.
"""

import argparse
import json
import sys
import time

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM


def say(**facts):
    print(json.dumps(facts), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="say which version this is, and stop")
    parser.add_argument("--config", type=json.loads, help="config.json, as text")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.check:
        print(f"{transformers.__version__}, torch {torch.__version__}")
        return
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = AutoConfig.for_model(**{"model_type": "llama", **options.config})
    model = AutoModelForCausalLM.from_config(config).to(getattr(torch, options.dtype)).eval()
    prompt = torch.randint(0, config.vocab_size, (options.rows, options.prompt))
    asked = {"do_sample": False, "max_new_tokens": options.tokens, "min_new_tokens": options.tokens}
    say(ready=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        with torch.inference_mode():
            model.generate(prompt, attention_mask=torch.ones_like(prompt), pad_token_id=0, **asked)
        say(seconds=time.perf_counter() - began)


main()
