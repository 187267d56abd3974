#!/usr/bin/env python3
"""What TRL's trainers make of rows.

Reads a JSON list of files from standard input: {name, path, count, tokenizer, chat_template, max_length, trainer,
settings}. Prints {file, row, made} for each row: the tokens and labels that the trainer's collator gives to the model.
"""

from typing import Any

import torch
from datasets import Dataset, load_dataset
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from rows_told import tell_rows

TRAINERS: dict[str, tuple[Any, Any]] = {
    "sft": (SFTTrainer, SFTConfig),
    "dpo": (DPOTrainer, DPOConfig),
    "kto": (KTOTrainer, KTOConfig),
}
# Of the rows of a file, beside what they have.
PLACE = "place_in_file"


def row_of(ids: list[int], scored: list[int] | None, labels: list[int] | None = None) -> dict[str, Any]:
    if labels is None:
        labels = [token if one else -100 for token, one in zip(ids, scored or [], strict=True)]
    return {"input_ids": ids, "labels": labels}


def rows_of_batch(trainer: str, batch: dict[str, torch.Tensor], label: bool | None) -> list[dict[str, Any]]:
    """Of a batch of one row: without its padding."""
    lists = {key: value.tolist() for key, value in batch.items() if isinstance(value, torch.Tensor)}
    if trainer == "sft":
        return [row_of(lists["input_ids"][0], None, lists["labels"][0])]
    names = ["chosen", "rejected"] if trainer == "dpo" else ["desirable" if label else "undesirable"]
    rows = []
    for at, name in enumerate(names):
        length = sum(lists["attention_mask"][at])
        ids, scored = lists["input_ids"][at][:length], lists["completion_mask"][at][:length]
        rows.append({**row_of(ids, scored), "name": name})
    return rows


def rows_of_dataset(file: dict[str, Any], dataset: Dataset, folder: str) -> dict[int, Any]:
    """By the place in the file: of each row what its trainer gives to the model; no rows of one that it leaves out."""
    trainer_of, config_of = TRAINERS[file["trainer"]]
    tokenizer = AutoTokenizer.from_pretrained(file["tokenizer"])
    tokenizer.chat_template = file["chat_template"]
    settings = {"max_length": file["max_length"], **file.get("settings", {})}
    config = config_of(
        output_dir=folder, report_to="none", use_cpu=True, bf16=False, remove_unused_columns=False, **settings
    )
    trainer = trainer_of(
        model=file["tokenizer"],
        args=config,
        train_dataset=dataset.add_column(PLACE, list(range(len(dataset)))),
        processing_class=tokenizer,
    )
    made: dict[int, Any] = {place: {"rows": []} for place in range(file["count"])}
    for row in trainer.train_dataset:
        place = row.pop(PLACE)
        batch = trainer.data_collator([row])
        made[place] = {"rows": rows_of_batch(file["trainer"], batch, row.get("label"))}
    return made


def made_of(file: dict[str, Any], folder: str) -> dict[int, Any]:
    dataset = load_dataset("json", data_files=file["path"], split="train", cache_dir=folder)
    return rows_of_dataset(file, dataset, folder)


if __name__ == "__main__":
    tell_rows(made_of)
