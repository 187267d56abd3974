"""
Losses that compare answers, by TRL's trainers: each makes the loss of a mini-batch as it does in training. What they need
for that they are given here, since they are made of texts and datasets otherwise. Their loops are not run.
"""

from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, TypedDict

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference
from trl.trainer.utils import add_fused_lm_head, pad

AnswersRow = dict[str, Any]
# Of a loss as a workload has it; absent keys are loratwin's defaults, which are TRL's.
Loss = dict[str, Any]
# What the trainers read of a fused head's outputs.
OUTPUTS = ("log_probs", "entropy", "mean_logits", "is_top1")
PADDING = 0


class Batch(TypedDict):
    """How a job's rows are put together."""

    loss: Loss
    batchSize: int
    cutoffLength: int | None


def rows_by_themselves(model: nn.Module) -> None:
    """
    Gives a model the head that TRL's trainers ask for, and lets it compute each row of a padded batch without its padding:
    some ropes depend on the longest row of a pass.
    """
    add_fused_lm_head(model, outputs=OUTPUTS)
    own = model.forward

    def forward(input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None, **options: Any) -> Any:
        lengths, width = attention_mask.sum(1).tolist(), input_ids.shape[1]
        fused = options.get("fused_lm_head", False)
        rows = [
            own(
                input_ids=input_ids[row : row + 1, :length],
                use_cache=False,
                **({"labels": labels[row : row + 1, :length], "fused_lm_head": True} if fused else {}),
            )
            for row, length in enumerate(lengths)
        ]
        if fused:
            return SimpleNamespace(**{name: padded([row[name] for row in rows], width - 1) for name in OUTPUTS})
        logits = padded([row.logits for row in rows], width)
        # As accelerate hands them on where it trains in bfloat16.
        return SimpleNamespace(logits=logits.float() if logits.dtype == torch.bfloat16 else logits)

    model.forward = forward


def padded(rows: list[Tensor], width: int) -> Tensor:
    """Tensors of [1, length, ...], as one of [rows, width, ...]."""
    return torch.cat([torch.cat([row, row.new_zeros(1, width - row.shape[1], *row.shape[2:])], 1) for row in rows])


def trainer_of(model: Any, loss: Loss) -> Any:
    """The trainer of a loss, with its options and its model, and nothing else of what it is made with otherwise."""
    kind, beta = loss["kind"], loss.get("beta", 2 if loss["kind"] == "simpo" else 0.1)
    shared = {
        **{"model": model, "ref_model": None, "beta": beta, "accelerator": Accelerator(cpu=True)},
        **{"aux_loss_enabled": False, "precompute_ref_logps": False, "is_encoder_decoder": False},
        "args": SimpleNamespace(gradient_checkpointing_kwargs=None),
        # What is told to users.
        **{"_metrics": defaultdict(lambda: defaultdict(list)), "_total_train_tokens": 0, "_tp_size": 1},
    }
    smoothing = loss.get("labelSmoothing", 0.0)
    cls, own = {
        "dpo": lambda: (
            DPOTrainer,
            {
                "loss_types": [loss["type"], *(["sft"] if "sftWeight" in loss else [])],
                "loss_weights": [1.0, *([loss["sftWeight"]] if "sftWeight" in loss else [])],
                **{"label_smoothing": smoothing, "f_divergence_type": "reverse_kl"},
                **{"ld_alpha": None, "use_weighting": False},
            },
        ),
        "cpo": lambda: (
            CPOTrainer,
            {"loss_type": "sigmoid", "cpo_alpha": loss.get("nllWeight", 1), "label_smoothing": smoothing},
        ),
        "simpo": lambda: (
            CPOTrainer,
            {
                **{"loss_type": "simpo", "cpo_alpha": loss.get("nllWeight", 0), "label_smoothing": 0.0},
                "simpo_gamma": loss.get("gamma", 0.5),
            },
        ),
        "orpo": lambda: (ORPOTrainer, {"padding_value": PADDING}),
        "kto": lambda: (
            KTOTrainer,
            {
                **{"loss_type": loss["type"], "calculate_KL": loss["type"] == "kto"},
                "desirable_weight": loss.get("desirableWeight", 1),
                "undesirable_weight": loss.get("undesirableWeight", 1),
            },
        ),
    }[kind]()
    trainer = object.__new__(cls)
    trainer.__dict__.update({**shared, "alpha": 0.0, "pad_token_id": PADDING, **own})
    return trainer


def pairs(rows: list[AnswersRow]) -> dict[str, Tensor]:
    """What the collator of CPO and ORPO makes of rows that their trainers have cut into tokens."""
    batch = {}
    for answer in ("chosen", "rejected"):
        whole = [torch.tensor(row["prompt_ids"] + row[f"{answer}_ids"]) for row in rows]
        labels = [torch.tensor([-100] * len(row["prompt_ids"]) + row[f"{answer}_ids"]) for row in rows]
        batch[f"{answer}_input_ids"] = pad(whole, padding_value=PADDING)
        batch[f"{answer}_attention_mask"] = pad([torch.ones_like(ids) for ids in whole], padding_value=0)
        batch[f"{answer}_labels"] = pad(labels, padding_value=-100)
    return batch


def with_other_answers(rows: list[AnswersRow], size: int) -> list[AnswersRow]:
    """As KTO's trainer joins prompts and other answers for its divergence, in groups of a mini-batch."""
    groups = [rows[at : at + size] for at in range(0, len(rows), size)]
    return [
        {**row, "KL_completion_ids": group[at - 1]["completion_ids"]} for group in groups for at, row in enumerate(group)
    ]


def answers_loss(model: Any, rows: list[AnswersRow], how: Batch) -> Iterator[Tensor]:
    """The loss of rows together, in one part."""
    loss = how["loss"]
    trainer = trainer_of(model, loss)
    if loss["kind"] in ("cpo", "simpo", "orpo"):
        yield trainer.get_batch_loss_metrics(model, pairs(rows), "train")[0]
    elif loss["kind"] == "dpo":
        mode = "keep_end" if loss.get("cut") == "start" else "keep_start"
        collate = DataCollatorForPreference(PADDING, how["cutoffLength"], mode)
        yield trainer._compute_loss(model, collate(rows), False)
    else:
        collate = DataCollatorForUnpairedPreference(PADDING, how["cutoffLength"])
        joined = with_other_answers(rows, how["batchSize"]) if trainer.calculate_KL else rows
        yield trainer._compute_loss(model, collate(joined), False)
