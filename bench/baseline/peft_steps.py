#!/usr/bin/env python3
"""What people use: a Llama of transformers, or a model of another family, with an adapter of PEFT, trained in a plain loop or by the Trainer.

Random weights and tokens as in torch_lora.py; all tokens but the first are scored. A step is one mini-batch and one
optimizer step for each rank of --ranks, one after another, as adapters are trained there: all have one rank, and so one
adapter stands for all. Prints {"ready": true}, then {"seconds": s} for each line on standard input. --check prints the
versions and stops.
"""

import argparse
import json
import sys
import tempfile
import time
import warnings

import peft
import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from torch_lora import add_workload, parse, say

LEARNING_RATE = 1e-4


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="say which versions these are, and stop")
    add_workload(parser)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the frozen weights")
    parser.add_argument("--config", type=json.loads, help="config.json of another family, as text")
    parser.add_argument("--way", choices=("plain", "trainer"), default="plain")
    parser.add_argument("--threads", type=int, default=1)
    return parse(parser)


def make_base(options):
    if options.config is not None:
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(**options.config, use_cache=False))
    config = LlamaConfig(
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.kv_heads,
        intermediate_size=options.intermediate,
        vocab_size=options.vocabulary,
        tie_word_embeddings=True,
        use_cache=False,
    )
    return LlamaForCausalLM(config)


def make_model(options):
    base = make_base(options).to(getattr(torch, options.dtype))
    (rank,) = set(options.ranks)
    lora = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=options.targets, task_type="CAUSAL_LM")
    return peft.get_peft_model(base, lora)


def draw_row(options):
    ids = torch.randint(options.vocabulary, (options.length,))
    return {"input_ids": ids, "labels": ids}


class Stopwatch:
    """Waits for a line before each step, and says what the step took."""

    def __init__(self):
        self.start = 0.0

    def wait(self):
        """Ends the process where the input does."""
        if not sys.stdin.readline():
            sys.exit(0)
        self.start = time.perf_counter()

    def stop(self):
        say({"seconds": time.perf_counter() - self.start})


def train_plain(model, options):
    watch, batches = Stopwatch(), len(options.ranks)
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=LEARNING_RATE)
    model.train()
    while True:
        watch.wait()
        for _ in range(batches):
            rows = [draw_row(options) for _ in range(options.batch)]
            batch = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
            model(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        watch.stop()


class Steps(TrainerCallback):
    """So many steps of the Trainer are one of ours."""

    def __init__(self, batches):
        self.batches, self.watch = batches, Stopwatch()

    def on_step_begin(self, args, state, control, **_):
        if state.global_step % self.batches == 0:
            self.watch.wait()

    def on_step_end(self, args, state, control, **_):
        if state.global_step % self.batches == 0:
            self.watch.stop()


class Rows(torch.utils.data.Dataset):
    def __init__(self, options):
        self.options = options

    def __len__(self):
        return 1_000_000

    def __getitem__(self, index):
        return draw_row(self.options)


def train_by_trainer(model, options):
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=options.batch,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            max_grad_norm=0,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        steps = Steps(len(options.ranks))
        Trainer(model=model, args=arguments, train_dataset=Rows(options), callbacks=[steps]).train()


def main():
    options = read_arguments()
    if options.check:
        print(f"PEFT {peft.__version__}, transformers {transformers.__version__}")
        return
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    # PEFT asks each model of transformers 5 for it.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    model = make_model(options)
    say({"ready": True})
    {"plain": train_plain, "trainer": train_by_trainer}[options.way](model, options)


if __name__ == "__main__":
    main()
