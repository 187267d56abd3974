#!/usr/bin/env python3
"""Makes random checkpoints with transformers, and adapters on them with PEFT.

Reads a JSON list of cases from standard input: {folder, seed, dtype, config, layout, jobs: [{name, adapter}]}, where
config has the keys of a config.json. Writes folder/model and folder/init/NAME. The model's config.json is the one that
was given, unless the layout is "saved". A, B, norms and biases are all far from what they start training with, so that a
wrong one shows.
"""

import json
import sys
from pathlib import Path
from typing import Any, TypedDict

import torch
from peft import get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from peft_adapter import AdapterSpec, adapter_tensors, lora_config, no_warnings


class Job(TypedDict):
    name: str
    adapter: AdapterSpec


class Case(TypedDict):
    folder: str
    seed: int
    dtype: str
    config: dict[str, Any]
    layout: str
    jobs: list[Job]


@torch.no_grad()
def randomize(model: nn.Module) -> None:
    """Matrices by their number of inputs; norms, biases and sinks around what transformers starts them with."""
    for module in model.modules():
        # Experts of some families have the inputs first.
        inputs = -2 if getattr(module, "is_transposed", False) else -1
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() == 1 or name.endswith("_bias"):
                parameter += 0.3 * torch.randn_like(parameter)
            else:
                parameter.normal_(0, 1 / parameter.shape[inputs] ** 0.5)


@torch.no_grad()
def randomize_adapter(model: nn.Module) -> None:
    for name, parameter in adapter_tensors(model).items():
        if name.endswith("magnitude_vector"):
            parameter *= 1 + 0.3 * torch.randn_like(parameter)
            continue
        scale = 0.5 if ".lora_B." in name else 1.0
        parameter.normal_(0, scale / parameter.shape[-1] ** 0.5)


def draw(case: Case) -> None:
    folder = Path(case["folder"])
    torch.manual_seed(case["seed"])
    given = folder / "model" / "config.json"
    given.parent.mkdir()
    given.write_text(json.dumps(case["config"], indent=1))
    base = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(given.parent), dtype=torch.float32)
    randomize(base)
    base.to(getattr(torch, case["dtype"])).save_pretrained(given.parent)
    if case["layout"] != "saved":
        given.write_text(json.dumps(case["config"], indent=1))
    for job in case["jobs"]:
        with no_warnings():
            model = get_peft_model(base, lora_config(job["adapter"], case["config"]["model_type"]))
        randomize_adapter(model)
        model.save_pretrained(str(folder / "init" / job["name"]))
        base = model.unload()


def main() -> None:
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    for case in json.load(sys.stdin):
        draw(case)


if __name__ == "__main__":
    main()
