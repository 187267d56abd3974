"""Fine-tuning as a user of transformers and PEFT writes it: the losses, gradients and adapters of each step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import torch
from peft.optimizers import create_loraplus_optimizer
from torch import Tensor

from peft_adapter import adapter_tensors

Tensors = dict[str, Tensor]


class Row(TypedDict):
    input_ids: list[int]
    labels: list[int]


class Optimizer(TypedDict):
    learningRate: float
    betas: list[float]
    eps: float
    weightDecay: float
    maxGradNorm: NotRequired[float]
    loraPlusRatio: NotRequired[float]


@dataclass
class Trained:
    """Of a job: of every step, but for the gradients, which are of the first one after clipping."""

    losses: list[float]
    norms: list[float]
    gradients: Tensors
    adapter: Tensors


def scored(rows: list[Row]) -> int:
    return sum(label != -100 for row in rows for label in row["labels"][1:])


def row_loss(model: Any, row: Row, total: int) -> Tensor:
    """The library's own loss of a row without padding: its share of the mini-batch's, as the Trainer accumulates it."""
    ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
    return model(input_ids=ids, labels=labels, num_items_in_batch=total, use_cache=False).loss


def cross_entropy(model: Any, rows: list[Row]) -> Iterator[Tensor]:
    total = scored(rows)
    for row in rows:
        yield row_loss(model, row, total)


# The loss of a mini-batch, in parts of which each has its backward.
Parts = Callable[[Any, list[Any]], Iterator[Tensor]]


@torch.no_grad()
def evaluate(model: Any, rows: list[Any], parts: Parts) -> float:
    model.eval()
    return sum(part.item() for part in parts(model, rows))


def adamw(model: Any, options: Optimizer) -> torch.optim.Optimizer:
    own = {"lr": options["learningRate"], "betas": tuple(options["betas"]), "eps": options["eps"]}
    decay, ratio = options["weightDecay"], options.get("loraPlusRatio")
    if ratio is None:
        return torch.optim.AdamW(adapter_tensors(model).values(), weight_decay=decay, **own)
    return create_loraplus_optimizer(
        model, torch.optim.AdamW, loraplus_lr_ratio=ratio, loraplus_weight_decay=decay, **own
    )


def train(model: Any, batches: list[list[Any]], options: Optimizer, parts: Parts) -> Trained:
    model.train()
    tensors = adapter_tensors(model)
    optimizer = adamw(model, options)
    trained = Trained([], [], {}, {})
    for batch in batches:
        loss = 0.0
        optimizer.zero_grad()
        for part in parts(model, batch):
            part.backward()
            loss += part.item()
        largest = options.get("maxGradNorm", float("inf"))
        norm = torch.nn.utils.clip_grad_norm_(tensors.values(), largest)
        trained.losses.append(loss)
        trained.norms.append(norm.item())
        if not trained.gradients:
            trained.gradients = {name: tensor.grad.clone() for name, tensor in tensors.items()}
        optimizer.step()
    trained.adapter = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    return trained
