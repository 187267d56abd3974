#!/usr/bin/env python3
"""What Axolotl's preparation of data makes of rows.

Reads a JSON list of files from standard input: {name, path, count, tokenizer, chat_template, max_length, dataset, rl}.
Prints {file, row, made} for each row. `dataset` is an entry of `datasets` in Axolotl's configuration. Pairs are
written by Axolotl, and tokenized by the trainer of TRL to which it gives them.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import types
from typing import Any

# What Axolotl imports and no row is read with: telemetry, downloads, and a compiler for the packing of batches.
STAND_INS = ("posthog", "requests", "numba")


class Anything:
    """A decorator, a type or a call of a package that is not there."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *given: Any, **named: Any) -> Any:
        return given[0] if len(given) == 1 and callable(given[0]) and not named else Anything()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class StandIn(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked last: a package that is installed is used."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split(".")[0] in STAND_INS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> Any:
        return StandIn(spec.name)

    def exec_module(self, module: Any) -> None:
        pass


os.environ["AXOLOTL_DO_NOT_TRACK"] = "1"
sys.meta_path.append(StandIns())

from axolotl.prompt_strategies.dpo import load as load_dpo  # noqa: E402
from axolotl.utils.data.rl import _map_dataset  # noqa: E402
from axolotl.utils.data.wrappers import get_dataset_wrapper  # noqa: E402
from axolotl.utils.dict import DictDefault  # noqa: E402
from axolotl.utils.schemas.datasets import DPODataset, SFTDataset  # noqa: E402
from datasets import Dataset, load_dataset  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from rows_told import tell_rows  # noqa: E402
from rows_trl import rows_of_dataset  # noqa: E402


def configuration(file: dict[str, Any]) -> DictDefault:
    """As Axolotl's own file would say it, after its own check of the entry."""
    schema = DPODataset if file.get("rl") == "dpo" else SFTDataset
    text = file["chat_template"]
    template = {"chat_template": "jinja", "chat_template_jinja": text} if text else {}
    entry = schema(path=file["path"], **file["dataset"], **template).model_dump(exclude_none=True)
    return DictDefault(
        {
            "datasets": [entry],
            "sequence_len": file["max_length"],
            "train_on_inputs": False,
            "rl": file.get("rl"),
            **template,
        }
    )


def made_of(file: dict[str, Any], folder: str) -> dict[int, Any]:
    tokenizer = AutoTokenizer.from_pretrained(file["tokenizer"])
    dataset = load_dataset("json", data_files=file["path"], split="train", cache_dir=folder)
    cfg = configuration(file)
    if file.get("rl") == "dpo":
        transform, more = load_dpo(cfg.datasets[0].type, cfg, dataset_idx=0)
        pairs = _map_dataset(cfg, dataset, transform, tokenizer, **more)
        return rows_of_dataset({**file, "trainer": "dpo"}, pairs, folder)
    kind = cfg.datasets[0].type
    base = kind.split(":")[0] if isinstance(kind, str) else None
    made, _ = get_dataset_wrapper(cfg.datasets[0], tokenizer, cfg, base, dataset)
    if not isinstance(made, Dataset) or len(made) != file["count"]:
        raise ValueError(f"{len(made)} rows of {file['count']}")
    return {
        place: {"rows": [{"input_ids": row["input_ids"], "labels": row["labels"]}]} for place, row in enumerate(made)
    }


if __name__ == "__main__":
    tell_rows(made_of)
