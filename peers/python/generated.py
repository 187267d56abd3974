#!/usr/bin/env python3
"""Judges answers by transformers and PEFT.

Reads a JSON list of cases from standard input: {name, dtype, folder}. Of each case `folder` holds model, init/NAME (an
adapter as PEFT saved it) and answers.json: [{adapter, prompt, tokens, logProbabilities}], greedy, by the base where
`adapter` is null. Prints one JSON object a line, as judge.py does.

`answers`: how far each token's logit is below the highest, behind the tokens before it, over the largest logit; the same
of the log-probabilities that were told. Each position is a forward of its own in float64: longrope's factors follow from
the length. In bfloat16 an answer may be as far as the library's own choice in bfloat16, twice, or 0.01.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from exports import load
from peft_adapter import WarningLogged, load_adapter
from verdicts import tell_verdicts

BOUND = 1e-5
LEAST_NARROW = 1e-2


@torch.no_grad()
def last_logits(model: Any, ids: list[int]) -> Tensor:
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].double()


def model_of(folder: Path, dtype: str, adapter: str | None) -> Any:
    model = load(folder / "model", dtype)
    return model if adapter is None else load_adapter(model, folder / "init" / adapter, trainable=False)


def judge(case: dict[str, Any]) -> dict[str, Any]:
    folder, dtype = Path(case["folder"]), case["dtype"]
    answers = json.loads((folder / "answers.json").read_text())
    worst, bound, at = -1.0, BOUND, "base"
    for name in dict.fromkeys(answer["adapter"] for answer in answers):
        narrow = model_of(folder, dtype, name) if dtype == "bfloat16" else None
        exact = model_of(folder, dtype, name).double()
        for answer in (each for each in answers if each["adapter"] == name):
            ids = list(answer["prompt"])
            for token, told in zip(answer["tokens"], answer["logProbabilities"], strict=True):
                logits = last_logits(exact, ids)
                scale = logits.abs().max().item()
                behind = (logits.max() - logits[token]).item() / scale
                far = abs(torch.log_softmax(logits, -1)[token].item() - told) / scale
                room = BOUND
                if narrow is not None:
                    own = last_logits(narrow, ids)
                    room = max(LEAST_NARROW, 2 * (own - logits).abs().max().item() / scale)
                found = max(behind, far)
                if found / room > worst / bound:
                    worst, bound, at = found, room, name or "base"
                ids.append(token)
    return {"judge": "answers", "at": at, "difference": worst, "bound": bound}


def verdicts(case: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return [judge(case)]
    except (Warning, WarningLogged, ValueError) as error:
        return [{"at": "answers", "problem": str(error)}]


if __name__ == "__main__":
    tell_verdicts(verdicts)
