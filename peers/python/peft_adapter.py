"""Adapters on a base model, as PEFT makes and loads them. A warning of these libraries is an error."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from torch import Tensor, nn


class AdapterSpec(TypedDict):
    rank: int
    alpha: float
    targets: list[str]
    rslora: NotRequired[bool]
    dora: NotRequired[bool]
    rankPattern: NotRequired[dict[str, int]]
    alphaPattern: NotRequired[dict[str, float]]
    trainableTokens: NotRequired[list[int]]


# Model types that have experts.
MIXTURES = ("qwen3_moe", "mixtral", "gpt_oss")
# Parameters that PEFT adapts where there is no module for them. Those of experts that a user names as matrices are
# PEFT's to find.
PARAMETERS = {
    "router": "mlp.gate.weight",
    "experts_gate_up_proj": "mlp.experts.gate_up_proj",
    "experts_down_proj": "mlp.experts.down_proj",
}
# What families call these.
OWN_NAMES = {
    "gpt_oss": {"router": "mlp.router.weight"},
    "mixtral": {"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"},
}


def lora_config(spec: AdapterSpec, model_type: str) -> LoraConfig:
    """As a user of PEFT writes it."""
    own = OWN_NAMES.get(model_type, {})
    modules = [own.get(name, name) for name in spec["targets"] if name not in PARAMETERS]
    parameters = [own.get(name, PARAMETERS[name]) for name in spec["targets"] if name in PARAMETERS]
    return LoraConfig(
        r=spec["rank"],
        lora_alpha=spec["alpha"],
        target_modules=modules,
        target_parameters=parameters or None,
        use_rslora=spec.get("rslora", False),
        use_dora=spec.get("dora", False),
        rank_pattern=spec.get("rankPattern", {}),
        alpha_pattern=spec.get("alphaPattern", {}),
        trainable_token_indices=spec.get("trainableTokens"),
        task_type="CAUSAL_LM",
    )


class WarningLogged(Exception):
    """What a library said to its logger."""


# Of configurations that are drawn on purpose: a factor beside lengths of another ratio, and lengths without a factor.
EXPECTED = ("does not match the ratio implicitly set", "to be used together with `max_position_embeddings`")


class _Refuse(logging.Handler):
    def handle(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if any(part in message for part in EXPECTED):
            return False
        raise WarningLogged(message)


@contextmanager
def no_warnings() -> Iterator[None]:
    """Raises where transformers or PEFT warns, by Python's warnings or by their loggers."""
    refuse = _Refuse(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("transformers", "peft")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # PEFT asks every model of transformers 5 for this, whatever the adapter is.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        # It looks among modules alone, also for patterns of parameters, which hold.
        warnings.filterwarnings("ignore", ".*keys did not match any targeted module", RuntimeWarning)
        # Of merging an adapter of a head that is tied to the embeddings, which is not done here.
        warnings.filterwarnings("ignore", "Model (with|has) `tie_word_embeddings=True` and ")
        for logger in loggers:
            logger.addHandler(refuse)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeHandler(refuse)


def load_adapter(base: nn.Module, folder: Path, trainable: bool) -> Any:
    """The base with a folder's adapter in it. Every tensor of the file has to be used, which PEFT does not check."""
    with no_warnings():
        model = PeftModel.from_pretrained(base, str(folder), is_trainable=trainable)
    stored = set(read_adapter(folder))
    used = set(get_peft_model_state_dict(model, save_embedding_layers=False))
    if stored != used:
        raise ValueError(f"tensors of the file that PEFT does not use, or misses: {sorted(stored ^ used)}")
    return model


def read_adapter(folder: Path) -> dict[str, Tensor]:
    """The tensors of a folder's file, but for the copy of the base that PEFT puts beside an adapter of the head."""
    tensors = load_file(folder / "adapter_model.safetensors")
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(".base_layer.weight")}


def adapter_tensors(model: Any) -> dict[str, Tensor]:
    """The parameters that are trained, by the names that an adapter's file has."""
    return {
        name.replace(".default.", ".")
        .removesuffix(".default")
        .replace("magnitude_vector.weight", "magnitude_vector"): parameter
        for name, parameter in model.named_parameters()
        if ".lora_" in name or ".trainable_tokens_delta" in name
    }
