#!/usr/bin/env python3
"""Judges runs of loratwin by transformers and PEFT.

Reads a JSON list of cases from standard input, as draw.py does, with jobs as of a workload: {name, adapter, batchSize,
optimizer}, and {loss, cutoffLength} of those that compare answers, which are judged by TRL. Of each case `folder` holds model, init, NAME.jsonl, NAME-held-out.jsonl, and the run that is judged. Prints
one JSON object a line: {case, judge, at, difference, bound}, or {case, at, problem} where there is no number.

A difference is relative, and the root of the mean square over jobs, and over steps or tensors. In bfloat16 two programs
that round in different places differ, and neither is right. So both are held against float32 arithmetic on the same
weights: loratwin may be twice as far from that as the libraries are in bfloat16, as chance may have it. Mixtures of
experts and losses that compare answers may be four times as far; in float32 a router may decide a tie of experts the
other way. A model that makes much of the rounding of float32, too, is known by the libraries' distance from float64, and
is held against that.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForCausalLM

from peft_adapter import MIXTURES, AdapterSpec, WarningLogged, load_adapter, no_warnings, read_adapter
from verdicts import tell_verdicts
from routers import routed
from train import Optimizer, Parts, Tensors, Trained, cross_entropy, evaluate, train


class Job(TypedDict):
    name: str
    adapter: AdapterSpec
    batchSize: int
    optimizer: Optimizer
    loss: NotRequired[dict[str, Any]]
    cutoffLength: NotRequired[int]


class Case(TypedDict):
    name: str
    folder: str
    dtype: str
    config: dict[str, Any]
    jobs: list[Job]


# The largest differences that pass. The libraries themselves, padded or not and with PEFT or by hand, are about a tenth
# of the first column apart. The second is the least that is asked, where the libraries' rounding happens to cancel out.
BOUNDS: dict[str, dict[str, float]] = {
    "losses": {"float32": 5e-6, "bfloat16": 1e-3},
    "gradient norms": {"float32": 5e-5, "bfloat16": 2e-3},
    "first gradients": {"float32": 5e-5, "bfloat16": 5e-3},
    "trained adapters": {"float32": 1e-4, "bfloat16": 1e-2},
    "loaded by PEFT": {"float32": 5e-6, "bfloat16": 1e-3},
}
ROOM = 2.0
# Of all this in bfloat16 where a few numbers make most of what differs: choices of routers among nearly tied experts, and
# the sums of log probabilities of a mini-batch's answers.
WIDER = 2.0
# Of a job's ties, the nearest that are tried.
MOST_TIES = 4

Deviations = dict[str, list[float]]


@dataclass
class Outcome:
    """Of a job: its training, and the loss of its held-out rows under the adapter that loratwin trained."""

    trained: Trained
    held_out: float


def read_rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def norm(tensors: Iterable[Tensor]) -> float:
    return sum(tensor.double().square().sum().item() for tensor in tensors) ** 0.5


def share(difference: float, whole: float) -> float:
    """Nothing of nothing is none: a pair beyond hinge's margin has no loss and no gradient."""
    return difference / whole if whole != 0 else 0.0 if difference == 0 else math.inf


def relative(ours: Iterable[float], theirs: Iterable[float]) -> list[float]:
    return [share(abs(a - b), abs(b)) for a, b in zip(ours, theirs, strict=True)]


def minus(a: Tensors, b: Tensors) -> Tensors:
    if a.keys() != b.keys():
        raise ValueError(f"not the same tensors: {sorted(a.keys() ^ b.keys())}")
    return {name: a[name] - b[name] for name in a}


def deviations(ours: Outcome, theirs: Outcome, start: Tensors) -> Deviations:
    wrong = minus(ours.trained.gradients, theirs.trained.gradients)
    changed = minus(theirs.trained.adapter, start)
    return {
        "losses": relative(ours.trained.losses, theirs.trained.losses),
        "gradient norms": relative(ours.trained.norms, theirs.trained.norms),
        # Of each tensor by itself.
        "first gradients": [
            share(norm([wrong[name]]), norm([tensor])) for name, tensor in theirs.trained.gradients.items()
        ],
        # Over what training changed.
        "trained adapters": [
            share(norm(minus(ours.trained.adapter, theirs.trained.adapter).values()), norm(changed.values()))
        ],
        "loaded by PEFT": relative([ours.held_out], [theirs.held_out]),
    }


def first_gradients(run: Path, job: Job) -> Tensors:
    """From the checkpoint behind the job's first step: AdamW's first moment is then (1 - beta1) times the gradient."""
    prefix, scale = "exp_avg.", 1 - job["optimizer"]["betas"][0]
    for path in sorted(run.glob(f"checkpoints/*/{job['name']}.safetensors")):
        with safe_open(path, "pt") as file:
            if file.metadata()["step"] == "1":
                names = [name for name in file.keys() if name.startswith(prefix)]
                return {name.removeprefix(prefix): file.get_tensor(name) / scale for name in names}
    raise ValueError("no checkpoint of the first step")


def by_loratwin(run: Path, job: Job) -> Outcome:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    own = [line for line in lines if line["job"] == job["name"]]
    steps = [line for line in own if "loss" in line]
    trained = Trained(
        losses=[line["loss"] for line in steps],
        norms=[line["gradNorm"] for line in steps],
        gradients=first_gradients(run, job),
        adapter=read_adapter(run / "adapters" / job["name"]),
    )
    return Outcome(trained, [line["evaluationLoss"] for line in own if "evaluationLoss" in line][-1])


def answers() -> Any:
    """TRL takes seconds to load, which most cases do without."""
    import answers as module

    return module


def parts_of(job: Job) -> Parts:
    if "loss" not in job:
        return cross_entropy
    how = {"loss": job["loss"], "batchSize": job["batchSize"], "cutoffLength": job.get("cutoffLength")}
    return partial(answers().answers_loss, how=how)


class Libraries:
    """What transformers and PEFT make of a case's jobs, in one dtype."""

    def __init__(self, folder: Path, dtype: str) -> None:
        self.folder, self.dtype = folder, dtype

    def with_adapter(self, job: Job, folder: Path, trainable: bool) -> Any:
        """
        PEFT's adapters are of float32, whatever the base is. Each has a base of its own: a pass through an adapter on one
        parameter of some experts leaves these in another order, in which PEFT would nest the next adapter.
        """
        with no_warnings():
            base = AutoModelForCausalLM.from_pretrained(
                self.folder / "model",
                dtype=getattr(torch, self.dtype),
                # Grouped products take no sizes as small as these.
                experts_implementation="eager",
            )
        if "loss" in job:
            answers().rows_by_themselves(base)
        model = load_adapter(base, folder, trainable)
        return model.double() if self.dtype == "float64" else model

    def train(self, job: Job) -> Outcome:
        """Trains the job from its start; and loads the adapter that loratwin trained, for its held-out rows."""
        name, size, parts = job["name"], job["batchSize"], parts_of(job)
        model = self.with_adapter(job, self.folder / "init" / name, trainable=True)
        rows = read_rows(self.folder / f"{name}.jsonl")
        trained = train(model, [rows[i : i + size] for i in range(0, len(rows), size)], job["optimizer"], parts)
        model = self.with_adapter(job, self.folder / "run" / "adapters" / name, trainable=False)
        held_out = evaluate(model, read_rows(self.folder / f"{name}-held-out.jsonl"), parts)
        return Outcome(trained, held_out)

    def outcomes(self, job: Job) -> Iterator[Outcome]:
        """First what comes out; then, if that is not enough, what does if a tie of a router is decided the other way."""
        with routed() as ties:
            outcome = self.train(job)
        yield outcome
        for tie in sorted(ties, key=lambda one: one.gap)[:MOST_TIES]:
            with routed(exchanged=tie):
                outcome = self.train(job)
            yield outcome


def root_mean_square(values: list[float]) -> float:
    return (sum(value * value for value in values) / len(values)) ** 0.5


def agree(found: Deviations, dtype: str) -> bool:
    return all(root_mean_square(found[each]) <= bounds[dtype] for each, bounds in BOUNDS.items())


def compare(case: Case, exact: str, rounded: str) -> Iterator[dict[str, Any]]:
    """loratwin's distance from the libraries in the exact dtype, by theirs in the rounded one."""
    folder = Path(case["folder"])
    most, least = Libraries(folder, exact), Libraries(folder, rounded) if rounded != exact else None
    is_mixture = case["config"]["model_type"] in MIXTURES
    compares = any("loss" in job for job in case["jobs"])
    wider = WIDER if (is_mixture or compares) and rounded == "bfloat16" else 1.0
    ours: dict[str, Deviations] = {}
    theirs: dict[str, Deviations] = {}
    for job in case["jobs"]:
        name = job["name"]
        try:
            start = read_adapter(folder / "init" / name)
            run = by_loratwin(folder / "run", job)
            outcomes = most.outcomes(job)
            truth = next(outcomes)
            ours[name] = deviations(run, truth, start)
            # In bfloat16 there are too many ties to try.
            if case["dtype"] == "float32" and not agree(ours[name], "float32"):
                others = (deviations(run, other, start) for other in outcomes)
                ours[name] = next((found for found in others if agree(found, "float32")), ours[name])
            theirs[name] = deviations(least.train(job) if least else truth, truth, start)
        except (Warning, WarningLogged, ValueError) as error:
            yield {"at": name, "problem": str(error)}
            return
    for each, bounds in BOUNDS.items():
        worst = max(ours, key=lambda name: root_mean_square(ours[name][each]))
        difference = root_mean_square([value for of_job in ours.values() for value in of_job[each]])
        # The one held-out loss of answers may come out as if it were exact. It differs as those of steps do.
        alike = [each, "losses"] if compares and each == "loaded by PEFT" else [each]
        room = ROOM * root_mean_square([value for of_job in theirs.values() for key in alike for value in of_job[key]])
        if math.isfinite(difference + room):
            bound = wider * max(bounds[case["dtype"]], room)
            yield {"judge": each, "at": worst, "difference": difference, "bound": bound}
        else:
            yield {"at": worst, "problem": f"{each} differ by {difference}, of {room} at most"}


def judge(case: Case) -> list[dict[str, Any]]:
    verdicts = list(compare(case, "float32", case["dtype"]))
    if case["dtype"] == "float32" and any(one.get("difference", 0) > one.get("bound", 0) for one in verdicts):
        return list(compare(case, "float64", "float32"))
    return verdicts


if __name__ == "__main__":
    tell_verdicts(judge)
