#!/usr/bin/env python3
"""Judges exported adapters by transformers and PEFT.

Reads a JSON list of cases from standard input: {name, dtype, folder, jobs: [{name}]}. Of each case `folder` holds model,
init/NAME (an adapter as PEFT saved it), merged/NAME (a model with that adapter merged into it) and peft/NAME (the adapter
in a folder of its own), both as loratwin exports them, and NAME-held-out.jsonl. Prints one JSON object a line, as judge.py
does.

In float32 a difference is the largest of a logit, over the largest logit; all products are in float64, so that what is
left is the rounding of merged weights. In bfloat16 that is too much for some models, whose softcaps and routers make much
of it. There a difference is the share of weights that are not those of PEFT's merge in float64, rounded once.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from peft_adapter import WarningLogged, load_adapter, no_warnings
from verdicts import tell_verdicts

BOUNDS = {"float32": 1e-5, "bfloat16": 1e-3}


def load(folder: Path, dtype: str) -> Any:
    with no_warnings():
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype), experts_implementation="eager"
        )
    return model.eval()


@torch.no_grad()
def logits(model: Any, rows: list[list[int]]) -> list[Tensor]:
    exact = model.double()
    return [exact(input_ids=torch.tensor([row]), use_cache=False).logits for row in rows]


def with_adapter(folder: Path, dtype: str, kind: str, name: str) -> Any:
    return load_adapter(load(folder / "model", dtype), folder / kind / name, trainable=False)


def tokens_of(file: Path) -> list[list[int]]:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [row["input_ids"] if "input_ids" in row else row["prompt"] + row["chosen"] for row in rows]


def difference(ours: list[Tensor], theirs: list[Tensor]) -> float:
    largest = max(each.abs().max().item() for each in theirs)
    return max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)) / largest


def changed_share(merged: Any, adapter: Any) -> float:
    """Of all weights, those that PEFT's merge has otherwise."""
    with no_warnings():
        theirs = adapter.double().merge_and_unload().state_dict()
    ours = merged.state_dict()
    if ours.keys() != theirs.keys():
        raise ValueError(f"not the same weights: {sorted(ours.keys() ^ theirs.keys())}")
    # Of a tied head with an adapter PEFT's merge changes the embeddings, too.
    was_tied = adapter.config.tie_word_embeddings and not merged.config.tie_word_embeddings
    names = [name for name in ours if not (was_tied and name == "model.embed_tokens.weight")]
    other = sum((ours[name] != theirs[name].to(ours[name].dtype)).sum().item() for name in names)
    return other / sum(ours[name].numel() for name in names)


def judge(case: dict[str, Any]) -> list[dict[str, Any]]:
    folder, dtype = Path(case["folder"]), case["dtype"]
    worst: dict[str, tuple[float, str]] = {}
    for job in case["jobs"]:
        name = job["name"]
        try:
            rows = tokens_of(folder / f"{name}-held-out.jsonl")
            adapter = with_adapter(folder, dtype, "init", name)
            truth = logits(adapter, rows)
            again = difference(logits(with_adapter(folder, dtype, "peft", name), rows), truth)
            merged = load(folder / "merged" / name, dtype)
            if dtype == "float32":
                far = difference(logits(merged, rows), truth)
            else:
                far = changed_share(merged, adapter)
        except (Warning, WarningLogged, ValueError) as error:
            return [{"at": name, "problem": str(error)}]
        for what, found in (("merged", far), ("PEFT folder", again)):
            worst[what] = max(worst.get(what, (-1.0, "")), (found, name))
    bounds = {"merged": BOUNDS[dtype], "PEFT folder": BOUNDS["float32"]}
    return [{"judge": what, "at": at, "difference": far, "bound": bounds[what]} for what, (far, at) in worst.items()]


if __name__ == "__main__":
    tell_verdicts(judge)
