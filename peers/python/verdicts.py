"""What a judge says of cases: one JSON object a line."""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from transformers.utils import logging


def tell_verdicts(judge: Callable[[Any], Iterable[dict[str, Any]]]) -> None:
    """Judges the cases of a list on stdin, and prints each verdict with its case's name."""
    logging.disable_progress_bar()
    # Tiny products gain nothing from a second thread, and lose much where other programs want its core.
    torch.set_num_threads(1)
    for case in json.load(sys.stdin):
        for verdict in judge(case):
            print(json.dumps({"case": case["name"], **verdict}), flush=True)
