#!/usr/bin/env python3
"""The baseline on a GPU: torch_lora's training in bfloat16, one adapter after another and all fused into one batch.

Attention is scaled_dot_product_attention with grouped queries, AdamW is PyTorch's fused one, and nothing waits for the GPU
within a step. Prints one JSON object a line: {device, torch, cuda}; {peakFlopsPerSecond} of an 8192-wide bfloat16 product;
for each mode and step {mode, step, seconds, tokens, loss, peakBytes}, or {mode, outOfMemory}. --device cpu is for
trying the script.
"""

import argparse
import json
import time

import torch
from torch.nn import functional as F

from torch_lora import Layer, Model, add_workload, parse


class GroupedLayer(Layer):
    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.kv_heads != self.heads)


class GpuModel(Model):
    layer_type = GroupedLayer


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_workload(parser)
    parser.add_argument("--modes", default="sequential,fused")
    parser.add_argument("--steps", type=int, default=6, help="of each mode, the first of which warms up")
    parser.add_argument("--device", default="cuda")
    options = parse(parser)
    options.dtype = "bfloat16"
    options.modes = options.modes.split(",")
    return options


def say(document):
    print(json.dumps(document), flush=True)


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def matmul_peak(device):
    """FLOP/s of a large product of random numbers: equal ones would take less power and so less time."""
    width = 8192 if device == "cuda" else 512
    a = torch.randn(width, width, dtype=torch.bfloat16)
    b = torch.randn(width, width, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(5):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(10):
            a @ b
        synchronize(device)
        best = min(best, (time.perf_counter() - start) / 10)
    return 2 * width**3 / best


def draw(options, sequences):
    return torch.randint(options.vocabulary, (sequences, options.length))


def train_step(model, optimizer, options, mode):
    """The mean over the jobs of their mean token loss, still on the device."""
    jobs = len(options.ranks)
    optimizer.zero_grad()
    if mode == "fused":
        # Every job has as many tokens as the others: the sum of their means is the mean of all times their number.
        loss = model.loss(draw(options, jobs * options.batch), None) * jobs
        loss.backward()
        total = loss.detach()
    else:
        total = 0
        for job in range(jobs):
            loss = model.loss(draw(options, options.batch), job)
            loss.backward()
            total = total + loss.detach()
    optimizer.step()
    return total / jobs


def run_mode(model, options, mode):
    trained = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=options.device == "cuda")
    tokens = len(options.ranks) * options.batch * options.length
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for step in range(options.steps):
        synchronize(options.device)
        start = time.perf_counter()
        loss = train_step(model, optimizer, options, mode)
        synchronize(options.device)
        seconds = time.perf_counter() - start
        peak = torch.cuda.max_memory_allocated() if options.device == "cuda" else None
        say({"mode": mode, "step": step, "seconds": seconds, "tokens": tokens, "loss": loss.item(), "peakBytes": peak})


def main():
    options = read_arguments()
    torch.manual_seed(0)
    torch.set_default_device(options.device)
    name = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    say({"device": name, "torch": torch.__version__, "cuda": torch.version.cuda})
    say({"peakFlopsPerSecond": matmul_peak(options.device)})
    model = GpuModel(options)
    for mode in options.modes:
        try:
            run_mode(model, options, mode)
        except torch.OutOfMemoryError as error:
            say({"mode": mode, "outOfMemory": str(error).split("\n", maxsplit=1)[0]})
        model.zero_grad()
        if options.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
