#!/usr/bin/env python3
"""What Axolotl's preparation of data makes of rows.

Reads a JSON list of files from standard input: {name, path, count, tokenizer, chat_template, max_length, dataset, rl}.
Prints {file, row, made} for each row. `dataset` is an entry of `datasets` in Axolotl's configuration. Pairs are
written by Axolotl, and tokenized by the trainer of TRL to which it gives them.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
import types
from tempfile import TemporaryDirectory
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

import torch  # noqa: E402
from axolotl.prompt_strategies.dpo import load as load_dpo  # noqa: E402
from axolotl.utils.data.rl import _map_dataset  # noqa: E402
from axolotl.utils.data.wrappers import get_dataset_wrapper  # noqa: E402
from axolotl.utils.dict import DictDefault  # noqa: E402
from axolotl.utils.schemas.datasets import DPODataset, SFTDataset  # noqa: E402
from datasets import Dataset, disable_progress_bars, load_dataset  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from transformers.utils import logging  # noqa: E402

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


def main() -> None:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    torch.set_num_threads(1)
    for file in json.load(sys.stdin):
        with TemporaryDirectory() as folder:
            try:
                made = made_of(file, folder)
            except Exception as error:
                # Whatever a library raises, it refuses the file.
                why = {"refused": f"{type(error).__name__}: {error}"}
                made = dict.fromkeys(range(file["count"]), why)
        for place, one in made.items():
            print(json.dumps({"file": file["name"], "row": place, "made": one}), flush=True)


if __name__ == "__main__":
    main()
