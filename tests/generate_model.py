"""A joint diffusion model with random weights over the shipped tokenizers: quick, and there before any training."""

from __future__ import annotations

from pathlib import Path

import torch

from mmdemo import checkpoints
from mmdemo.codec import Codec
from mmdemo.config import to_dict
from mmdemo.diffusion.dit import DiT, DiTConfig, Stream
from mmdemo.diffusion.latents import Latents

SPEAKERS = ["ann", "ben"]
SHAPES = {"image": [4, 4], "audio": [40], "text": [4]}


def random_joint(folder: Path, width: int = 32, depth: int = 1) -> Path:
    """Write a checkpoint that `JointDiffusion` loads; its samples are noise, repeatable for a seed."""
    codecs = {name: Codec(checkpoints.find(name), "cpu") for name in SHAPES}
    streams = [
        Stream(name, codecs[name].codebooks.shape[-1], shape, patch=2 if name == "audio" else 1)
        for name, shape in SHAPES.items()
    ]
    torch.manual_seed(0)
    network = DiT(DiTConfig(streams, styles=SPEAKERS, width=width, depth=depth, heads=2))
    for parameter in network.parameters():  # adaLN-Zero and the output start at zero: such a net predicts nothing
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    config = {
        "kind": "diffusion",
        "name": folder.name,
        "process": "flow",
        "model": to_dict(network.config),
        "tokenizers": {name: {"name": name, "fingerprint": codec.fingerprint} for name, codec in codecs.items()},
    }
    holder = torch.nn.ModuleDict({"network": network, "latents": Latents(streams)})
    checkpoints.save(folder, holder, config)
    return folder
