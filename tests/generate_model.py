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
from mmdemo.diffusion.streams import DiTConfig, Stream
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


def random_joint(folder: Path, width: int = 32, depth: int = 1, streams: dict[str, str] | None = None) -> Path:
    """Write a checkpoint that `JointDiffusion` loads; its samples are noise, repeatable for a seed.

    Args:
        streams: name -> tokenizer, for a model of other things than digits.
    """
    tokenizers = streams or {name: name for name in SHAPES}
    codecs = {name: Codec.from_folder(checkpoints.find(tokenizer), "cpu") for name, tokenizer in tokenizers.items()}
    shaped = [
        Stream(name, codecs[name].codebooks.shape[-1], SHAPES[kind], patch=2 if kind == "audio" else 1)
        for name, kind in tokenizers.items()
    ]
    torch.manual_seed(0)
    network = DiT(DiTConfig(shaped, styles=SPEAKERS, width=width, depth=depth, heads=2))
    for parameter in network.parameters():
        if not parameter.any():  # adaLN-Zero and the output start at zero: such a net predicts nothing
            torch.nn.init.normal_(parameter, std=0.3)
    config = {
        "kind": "joint",
        "name": folder.name,
        "schedule": "flow",
        "interface": {} if streams else INTERFACE,
        "model": to_dict(network.config),
        "tokenizers": {k: {"name": tokenizers[k], "fingerprint": c.fingerprint} for k, c in codecs.items()},
    }
    holder = torch.nn.ModuleDict({"network": network, "latents": LatentNormalizer(shaped)})
    checkpoints.save(folder, holder, config)
    return folder


class RandomContext(Context):
    """As the page's own context, but its joint model has random weights."""

    def __init__(self, folder: Path) -> None:
        super().__init__("cpu")
        self.random = JointDiffusion.from_folder(random_joint(folder), "cpu")

    def joint(self, name: str = "digits") -> Any:
        return self.random


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
