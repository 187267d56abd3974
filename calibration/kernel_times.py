#!/usr/bin/env python3
"""Times single kernels of a GPU for `loratwin calibrate --from`: needs PyTorch alone, and about a minute.

Products of a model's layers (512, 2048 and 8192 tokens, forward and backward), causal attention over rows of these
lengths, and with several GPUs all-reduce and all-gather of three sizes. Each kernel is held at full load, as training
does, and timed in the second half of that. Writes a CSV file, a row a kernel, times in milliseconds.

  python3 kernel_times.py                            Llama 3 8B's shapes, on GPU 0, into kernels.csv
  python3 kernel_times.py --model FOLDER             those of a model folder's config.json
  python3 kernel_times.py --device cpu --seconds 0.1 to try the program where there is no GPU
"""

import argparse
import csv
import json
import os
import sys
import time

import torch
from torch.nn import functional

COLUMNS = "gpu kernel m n k head_dim heads kv_heads batch tokens collective gpus bytes ms held".split()
TOKENS = (512, 2048, 8192)
COLLECTIVE_BYTES = (64 * 1024, 4 * 1024**2, 64 * 1024**2)
# Weights take turns, so that a small one is read from memory as in training.
WEIGHTS = 4


def read_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="kernels.csv", help="where to write the times (kernels.csv)")
    parser.add_argument("--model", help="a folder with config.json, or that file (default: the shapes of Llama 3 8B)")
    parser.add_argument("--seconds", type=float, default=1.5, help="for which a kernel is held at full load (1.5)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="what to time (cuda)")
    parser.add_argument("--gpu", help="the GPU's name, such as 'H100 SXM' in loratwin's catalog (as CUDA has it)")
    options = parser.parse_args()
    if options.seconds <= 0:
        parser.error("--seconds has to be above 0")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch sees no GPU; --device cpu tries the program without one")
    return options


def read_shapes(model):
    config = {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    }
    if model is not None:
        name = os.path.join(model, "config.json") if os.path.isdir(model) else model
        try:
            with open(name, encoding="utf8") as file:
                config = json.load(file)
        except (OSError, ValueError) as error:
            sys.exit(f"--model: {error}")
    try:
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        return {
            "hidden": hidden,
            "inner": config["intermediate_size"],
            "heads": heads,
            "kv_heads": config.get("num_key_value_heads") or heads,
            "head_dim": config.get("head_dim") or hidden // heads,
        }
    except KeyError as missing:
        sys.exit(f"The model's config.json has no {missing}: expected that of a Llama or Qwen2 model.")


def finish(device):
    if device == "cuda":
        torch.cuda.synchronize()


def held(call, seconds, device):
    """Milliseconds of a call that is repeated for so long: the mean of the second half, when clocks have settled."""
    for turn in range(3):
        call(turn)
    finish(device)
    start = time.perf_counter()
    call(0)
    finish(device)
    once = max(time.perf_counter() - start, 1e-6)
    # Some tens of milliseconds of launches ahead: the device never waits for the host.
    ahead = max(1, int(0.05 / once))
    start, half, calls = time.perf_counter(), None, 0
    while True:
        for turn in range(ahead):
            call(turn)
        finish(device)
        now = time.perf_counter()
        if half is not None:
            calls += ahead
            if now - start >= seconds:
                return 1000 * (now - half) / calls
        elif now - start >= seconds / 2:
            half = now


def products(shapes, seconds, device, row):
    hidden, inner = shapes["hidden"], shapes["inner"]
    queries = shapes["heads"] * shapes["head_dim"]
    qkv = queries + 2 * shapes["kv_heads"] * shapes["head_dim"]
    # Outputs and inputs: q, k and v at once, o, gate and up at once, down; then the backward of the largest.
    kinds = ((qkv, hidden), (hidden, queries), (2 * inner, hidden), (hidden, inner), (hidden, 2 * inner))
    for tokens in TOKENS:
        for outputs, inputs in dict.fromkeys(kinds):
            try:
                x = torch.randn(tokens, inputs, dtype=torch.bfloat16, device=device)
                weights = [
                    torch.randn(outputs, inputs, dtype=torch.bfloat16, device=device) for _ in range(WEIGHTS)
                ]
                ms = held(lambda turn: functional.linear(x, weights[turn % WEIGHTS]), seconds, device)
            except torch.OutOfMemoryError:
                print(f"no room for {tokens} x {outputs} x {inputs}", file=sys.stderr)
                continue
            row(kernel="product", m=tokens, n=outputs, k=inputs, ms=ms)


def attention(shapes, seconds, device, row):
    heads, kv_heads, width = shapes["heads"], shapes["kv_heads"], shapes["head_dim"]
    for tokens in TOKENS:
        batch = max(1, TOKENS[-1] // tokens)
        size = (batch, heads, tokens, width)
        # Keys and values of a group are the same ones, copied: the work of attention is that of all heads.
        q, k, v = (torch.randn(size, dtype=torch.bfloat16, device=device) for _ in range(3))
        ms = held(
            lambda _: functional.scaled_dot_product_attention(q, k, v, is_causal=True), seconds, device
        )
        row(kernel="attention", head_dim=width, heads=heads, kv_heads=kv_heads, batch=batch, tokens=tokens, ms=ms)


def one_rank(rank, count, port, device, results):
    """Collectives of one process a GPU; the first one tells what they take."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo", rank=rank, world_size=count)
    place = f"cuda:{rank}" if device == "cuda" else "cpu"
    if device == "cuda":
        torch.cuda.set_device(rank)
    for size in COLLECTIVE_BYTES:
        whole = torch.zeros(size // 2, dtype=torch.bfloat16, device=place)
        part = whole[: size // 2 // count].clone()
        calls = {
            "all_reduce": lambda: torch.distributed.all_reduce(whole),
            "all_gather": lambda: torch.distributed.all_gather_into_tensor(whole[: part.numel() * count], part),
        }
        for name, call in calls.items():
            for _ in range(5):
                call()
            finish(device)
            # Every rank makes as many calls.
            repeats = 20 if size > 2**20 else 200
            best = []
            for _ in range(5):
                torch.distributed.barrier()
                finish(device)
                start = time.perf_counter()
                for _ in range(repeats):
                    call()
                finish(device)
                best.append((time.perf_counter() - start) / repeats)
            if rank == 0:
                results.put((name, size, 1000 * sorted(best)[len(best) // 2]))
    torch.distributed.destroy_process_group()


def collectives(count, device, row):
    import torch.multiprocessing as processes

    context = processes.get_context("spawn")
    results = context.SimpleQueue()
    port = 20000 + os.getpid() % 20000
    processes.spawn(one_rank, args=(count, port, device, results), nprocs=count)
    while not results.empty():
        name, size, ms = results.get()
        row(kernel="collective", collective=name, gpus=count, bytes=size, ms=ms)


def main():
    options = read_arguments()
    shapes = read_shapes(options.model)
    device = options.device
    gpu = options.gpu or (torch.cuda.get_device_name(0) if device == "cuda" else "cpu")
    begun = time.monotonic()
    with open(options.output, "w", newline="", encoding="utf8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()

        def row(**times):
            writer.writerow({"gpu": gpu, "held": 1, **times, "ms": f"{times['ms']:.6g}"})
            file.flush()
            about = ", ".join(f"{value}" for key, value in times.items() if key not in ("ms", "kernel"))
            print(f"{time.monotonic() - begun:5.0f} s  {times['kernel']:10}  {about}: {times['ms']:.4g} ms", flush=True)

        with torch.inference_mode():
            products(shapes, options.seconds, device, row)
            attention(shapes, options.seconds, device, row)
        count = torch.cuda.device_count() if device == "cuda" else 1
        if count > 1:
            collectives(count, device, row)
    print(f"{options.output}: `loratwin calibrate --from {options.output}` makes costs of it")


if __name__ == "__main__":
    main()
