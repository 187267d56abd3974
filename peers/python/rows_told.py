"""Tells what a library makes of the rows of files, for the scripts that ask one."""

import json
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import torch
from datasets import disable_progress_bars
from transformers.utils import logging

# What became of each row of a file, by its place; the folder is for what the library writes meanwhile.
MadeOf = Callable[[dict[str, Any], str], dict[int, Any]]


def tell_rows(made_of: MadeOf) -> None:
    """Reads a JSON list of files from standard input and prints {file, row, made} for each row."""
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
