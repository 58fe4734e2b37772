"""The page on a joint diffusion model with random weights: quick, and independent of any training."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mmdemo import checkpoints
from mmdemo.codec import Codec
from mmdemo.config import to_dict
from mmdemo.diffusion.dit import DiT
from mmdemo.diffusion.joint import JointDiffusion
from mmdemo.diffusion.latents import LatentNormalizer
from mmdemo.diffusion.streams import Condition, DiTConfig, Stream
from mmdemo.ui import app
from mmdemo.ui.shared.state import Context

SPEAKERS = ["ann", "ben"]
SHAPES = {"image": [4, 4], "audio": [40], "text": [4]}
INTERFACE = {
    "streams": {"image": {"frame": "digit_picture"}, "audio": {"frame": "spoken_word"}},
    "style": "speaker",
    "anchor": "text",
    "form": "digits",
    "figures": "digits",
}


PROMPTED_STYLES = ["ink", "clay", "flat"]
PROMPTED_INTERFACE = {
    "streams": {"text": {"frame": "text", "options": {"example": "“red heart”"}}},
    "conditions": {"prompt": {"encoder": "ngrams", "options": {"dim": 16}}},
    "anchor": "text",
    "suggestions": "emoji",
    "usual": {"steps": 16, "sampler": "euler"},
}


def random_joint(folder: Path, width: int = 32, depth: int = 1, streams: dict[str, str] | None = None) -> Path:
    """Write a checkpoint that `JointDiffusion` loads; its samples are noise, repeatable for a seed.

    Args:
        streams: name -> tokenizer, for a model of other things than digits.
    """
    tokenizers = streams or {name: name for name in SHAPES}
    shapes = {name: (SHAPES[kind], 2 if kind == "audio" else 1) for name, kind in tokenizers.items()}
    sizes: dict[str, Any] = {"styles": SPEAKERS, "width": width, "depth": depth, "heads": 2}
    return _random(folder, tokenizers, shapes, {} if streams else INTERFACE, sizes)


def random_prompted(folder: Path, width: int = 32, depth: int = 2) -> Path:
    """As `random_joint`: pictures from a text of any words, in three styles, as the model of emoji is built."""
    shapes: dict[str, tuple[list[int], Any]] = {"image": ([8, 8], [2, 2]), "text": ([12], 2)}
    sizes: dict[str, Any] = {"styles": PROMPTED_STYLES, "width": width, "depth": depth, "heads": 2}
    sizes["conditions"] = [Condition("prompt", 16, tokens=2)]
    return _random(folder, {name: name for name in shapes}, shapes, PROMPTED_INTERFACE, sizes)


def _random(
    folder: Path,
    tokenizers: dict[str, str],
    shapes: dict[str, tuple[list[int], Any]],
    interface: dict[str, Any],
    sizes: dict[str, Any],
) -> Path:
    codecs = {name: Codec.from_folder(checkpoints.find(tokenizer), "cpu") for name, tokenizer in tokenizers.items()}
    streams = [Stream(name, codecs[name].tokenizer.dim, shape, patch=patch) for name, (shape, patch) in shapes.items()]
    torch.manual_seed(0)
    network = DiT(DiTConfig(streams, **sizes))
    for parameter in network.parameters():
        if not parameter.any():  # adaLN-Zero and the output start at zero: such a net predicts nothing
            torch.nn.init.normal_(parameter, std=0.3)
    config = {
        "kind": "joint",
        "name": folder.name,
        "schedule": "flow",
        "interface": interface,
        "model": to_dict(network.config),
        "tokenizers": {k: {"name": tokenizers[k], "fingerprint": c.fingerprint} for k, c in codecs.items()},
    }
    holder = torch.nn.ModuleDict({"network": network, "latents": LatentNormalizer(streams)})
    checkpoints.save(folder, holder, config)
    return folder


class RandomContext(Context):
    """As the page's own context, but its joint model has random weights."""

    def __init__(self, folder: Path) -> None:
        super().__init__("cpu")
        self.random = JointDiffusion.from_folder(random_joint(folder), "cpu")

    def joints(self) -> list[str]:
        return ["digits"]

    def joint(self, name: str = "digits") -> Any:
        return self.random


class TwoModels(RandomContext):
    """One more model with random weights: of prompts, in styles."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "digits")
        self.prompted = JointDiffusion.from_folder(random_prompted(folder / "prompted"), "cpu")

    def joints(self) -> list[str]:
        return ["digits", "prompted"]

    def joint(self, name: str = "digits") -> Any:
        return self.prompted if name == "prompted" else self.random


@contextmanager
def served(context: Context, **settings: Any) -> Iterator[str]:
    """The whole page on a free port; gives its address. Settings go to `launch`."""
    demo = app.build(context)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    try:
        local = {"server_name": "127.0.0.1", "server_port": port}
        demo.launch(**local, prevent_thread_lock=True, quiet=True, **app.launch_kwargs(), **settings)
        yield demo.local_url.rstrip("/")
    finally:
        demo.close(verbose=False)
