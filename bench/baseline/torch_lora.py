#!/usr/bin/env python3
"""The baseline: LoRA fine-tuning in plain PyTorch, as PEFT does it, on the CPU.

A Llama-shaped model with random frozen weights and a tied head; for each job an adapter on the targeted projections,
y = W x + (alpha / rank) B A x; autograd; one AdamW over all adapters. A step trains every job on one mini-batch of random
tokens, all scored: one adapter after another (sequential) or all in one batch over the shared base (fused).

Prints one JSON object a line. The first says {torch, blas}. Then, for each line on standard input, one step:
{seconds, loss}. Ends with its input. --check stops after the first line.
"""

import argparse
import json
import math
import re
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def add_workload(parser):
    """The options that say what is trained."""
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--kv-heads", type=int, default=12)
    parser.add_argument("--intermediate", type=int, default=2048)
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--ranks", default="16,16,16,16", help="the adapter's rank of each job")
    parser.add_argument("--targets", default="q_proj,k_proj,v_proj,o_proj")
    parser.add_argument("--batch", type=int, default=4, help="sequences of a job's mini-batch")
    parser.add_argument("--length", type=int, default=256, help="tokens of a sequence")


def parse(parser):
    """The options, lists split."""
    options = parser.parse_args()
    options.ranks = [int(rank) for rank in options.ranks.split(",")]
    options.targets = options.targets.split(",")
    return options


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="say which PyTorch and BLAS this is, and stop")
    add_workload(parser)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the frozen weights")
    parser.add_argument("--mode", choices=("sequential", "fused"), default="sequential")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch's own threads")
    return parse(parser)


def frozen(tensor, dtype):
    return nn.Parameter(tensor.to(dtype), requires_grad=False)


class LoraLinear(nn.Module):
    """A frozen projection with one low-rank adapter a job, when it is targeted."""

    def __init__(self, name, inputs, outputs, options, dtype):
        super().__init__()
        self.weight = frozen(torch.randn(outputs, inputs) / math.sqrt(inputs), dtype)
        self.down = nn.ParameterList()
        self.up = nn.ParameterList()
        if name in options.targets:
            bound = 1 / math.sqrt(inputs)
            for rank in options.ranks:
                self.down.append(nn.Parameter(torch.empty(rank, inputs).uniform_(-bound, bound)))
                self.up.append(nn.Parameter(torch.zeros(outputs, rank)))

    def increment(self, x, job):
        down = self.down[job].to(x.dtype)
        up = self.up[job].to(x.dtype)
        return 2.0 * F.linear(F.linear(x, down), up)

    def forward(self, x, job):
        y = F.linear(x, self.weight)
        if not self.down:
            return y
        if job is not None:
            return y + self.increment(x, job)
        parts = [self.increment(part, index) for index, part in enumerate(x.chunk(len(self.down)))]
        return y + torch.cat(parts)


class RmsNorm(nn.Module):
    def __init__(self, hidden, dtype):
        super().__init__()
        self.weight = frozen(torch.ones(hidden), dtype)

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-5)


def rotated(x, cosine, sine):
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat((-second, first), -1) * sine


class Layer(nn.Module):
    def __init__(self, options, dtype):
        super().__init__()
        self.heads, self.kv_heads = options.heads, options.kv_heads
        self.width = options.hidden // options.heads
        kv = self.width * options.kv_heads
        hidden, inner = options.hidden, options.intermediate
        shapes = ((hidden, hidden), (hidden, kv), (hidden, kv), (hidden, hidden))
        shapes += ((hidden, inner), (hidden, inner), (inner, hidden))
        for name, (inputs, outputs) in zip(PROJECTIONS, shapes):
            setattr(self, name, LoraLinear(name, inputs, outputs, options, dtype))
        self.norm_in, self.norm_mid = RmsNorm(hidden, dtype), RmsNorm(hidden, dtype)

    def attend(self, q, k, v):
        if self.kv_heads != self.heads:
            k = k.repeat_interleave(self.heads // self.kv_heads, 1)
            v = v.repeat_interleave(self.heads // self.kv_heads, 1)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def split(self, x, heads):
        return x.view(x.shape[0], x.shape[1], heads, self.width).transpose(1, 2)

    def forward(self, x, job, angles):
        h = self.norm_in(x)
        q = rotated(self.split(self.q_proj(h, job), self.heads), *angles)
        k = rotated(self.split(self.k_proj(h, job), self.kv_heads), *angles)
        v = self.split(self.v_proj(h, job), self.kv_heads)
        mixed = self.attend(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.o_proj(mixed, job)
        h = self.norm_mid(x)
        return x + self.down_proj(F.silu(self.gate_proj(h, job)) * self.up_proj(h, job), job)


class Model(nn.Module):
    layer_type = Layer

    def __init__(self, options):
        super().__init__()
        dtype = getattr(torch, options.dtype)
        self.embedding = frozen(torch.randn(options.vocabulary, options.hidden) * 0.02, dtype)
        self.layers = nn.ModuleList(self.layer_type(options, dtype) for _ in range(options.layers))
        self.norm = RmsNorm(options.hidden, dtype)
        width = options.hidden // options.heads
        frequencies = 10000.0 ** (-torch.arange(0, width, 2).float() / width)
        angles = torch.outer(torch.arange(options.length).float(), frequencies).repeat(1, 2)
        self.angles = (angles.cos().to(dtype), angles.sin().to(dtype))

    def loss(self, ids, job):
        """Mean token loss; of all jobs together when `job` is None."""
        x = self.embedding[ids]
        for layer in self.layers:
            x = layer(x, job, self.angles)
        logits = F.linear(self.norm(x), self.embedding)[:, :-1].float()
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


def train_step(model, optimizer, options):
    shape = (options.batch, options.length)
    jobs = len(options.ranks)
    optimizer.zero_grad()
    if options.mode == "fused":
        total = model.loss(torch.randint(options.vocabulary, (jobs * shape[0], shape[1])), None) * jobs
        total.backward()
        total = total.item()
    else:
        total = 0.0
        for job in range(jobs):
            loss = model.loss(torch.randint(options.vocabulary, shape), job)
            loss.backward()
            total += loss.item()
    optimizer.step()
    return total / jobs


def blas_in_use():
    """The library that multiplies, as a person would name it; None where it is neither OpenBLAS nor MKL."""
    if torch.backends.mkl.is_available():
        built_with = torch.__config__.show()
        mkl = re.search(r"Math Kernel Library Version (\S+?)(?:-|$)", built_with, re.MULTILINE)
        onednn = re.search(r"MKL-DNN v(\S+)", built_with)
        return f"MKL {mkl[1]}" + (f", oneDNN {onednn[1]}" if onednn else "")
    torch.ones(64, 64) @ torch.ones(64, 64)
    with open("/proc/self/maps", encoding="utf8") as maps:
        for line in maps:
            if "openblas" in line:
                return "OpenBLAS (pthread)" if "pthread" in line else "OpenBLAS"
    return None


def say(document):
    print(json.dumps(document), flush=True)


def main():
    options = read_arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    say({"torch": torch.__version__, "blas": blas_in_use()})
    if options.check:
        return
    model = Model(options)
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-4)
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = train_step(model, optimizer, options)
        seconds = time.perf_counter() - start
        say({"seconds": seconds, "loss": loss})


if __name__ == "__main__":
    main()
