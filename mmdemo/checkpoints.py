"""Checkpoints on disk and on the Hub: a folder with config.json, safetensors shards and a model card (README.md).

Weights are stored in half precision, in files under 10 MB (what a Space's plain ``git push`` takes), and are
used in fp32. Nothing is ever pickled.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .errors import InputError, MissingError

logger = logging.getLogger(__name__)

FORMAT = 1  # version of config.json
SHARD_BYTES = 9_500_000
# Kept in fp32: code assignment must not move when weights are rounded, and counts exceed half precision.
FULL_PRECISION = ("codebooks", "ema_count", "mean", "std", "running_mean", "running_var", "fb", "window")
LOCAL_FOLDERS = ("runs", "checkpoints", "priors", "judges")  # a path that begins so is never looked for on the Hub
PATTERNS = ["config.json", "*/config.json", "*.safetensors", "README.md"]


def roots() -> list[Path]:
    """Folders that hold shipped checkpoints: the repository's, then the ones inside an installed wheel."""
    package = Path(__file__).resolve().parent
    return [p for p in (package.parent / "checkpoints", package / "_checkpoints") if p.is_dir()]


def list_checkpoints() -> list[str]:
    """Names of the shipped checkpoints, without the tokenizers that a diffusion model brings along."""
    found = {f.parent.relative_to(root) for root in roots() for f in root.rglob("config.json")}
    return sorted(name.as_posix() for name in found if len(name.parts) <= 2)


def find(name: str | Path, hub: bool = True) -> Path:
    """Folder of a checkpoint, by shipped name, local folder, or Hub repository id.

    A shipped name means the shipped checkpoint, even where a folder of that name lies in the current one; for that
    write ``./image``.

    Args:
        hub: also ask the Hub for "owner/name" or "owner/name@revision". Only for what a person typed: a name that
            stands in a file never opens a connection.

    Raises:
        MissingError: there is no such checkpoint here. InputError: it could not be fetched.
    """
    typed, path = str(name), Path(name).expanduser()
    here = _has_config(path)
    if isinstance(name, str) and re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", typed):
        for root in roots():
            if _has_config(root / typed):
                if here and not path.samefile(root / typed):
                    logger.warning("%r is the shipped checkpoint; for the folder here write ./%s.", typed, typed)
                return root / typed
    if here:
        return path
    if hub and isinstance(name, str) and _is_hub_id(typed):
        return _download(typed)
    shipped = ", ".join(list_checkpoints()) or "none"
    raise MissingError(
        f"There is no checkpoint {typed[:80]!r}: give a shipped name ({shipped}), a folder with a config.json, "
        "or a Hub id like owner/name."
    )


def _has_config(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except OSError:  # too long for a name, or not ours to look at
        return False


def _is_hub_id(name: str) -> bool:
    """Whether a name can only be meant for the Hub: no folder of its first part is here, or usual here."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?", name):
        return False
    first = name.split("/")[0]
    return first not in LOCAL_FOLDERS and not Path(first).exists()


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    repo_id, _, revision = name.partition("@")
    try:
        chosen = {"revision": revision} if revision else {}
        folder = Path(snapshot_download(repo_id, allow_patterns=PATTERNS, **chosen))
    except Exception as error:  # of the Hub, of the network and its proxies, of the disk: too many kinds to list
        raise InputError(
            f"The checkpoint {name!r} could not be fetched from the Hub ({type(error).__name__}): check its "
            "name and the network, or give a local folder."
        ) from error
    if not (folder / "config.json").is_file():
        raise InputError(f"The Hub repository {name!r} is no mmdemo checkpoint: it has no config.json.")
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint folder. Raises InputError if it is damaged or newer than this program."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        version = int(config["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"The checkpoint {folder.name!r} has no readable config.json.") from error
    if version > FORMAT:
        raise InputError(f"The checkpoint {folder.name!r} needs a newer mmdemo (format {version}; known: {FORMAT}).")
    return config


def save(folder: Path, model: nn.Module, config: dict[str, Any]) -> None:
    """Write weights (half precision, sharded) and config.json; an existing card is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model*.safetensors"):
        old.unlink()
    shards = _shards({k: _stored(k, v) for k, v in model.state_dict().items() if not k.endswith("ema_sum")})
    for i, shard in enumerate(shards):
        name = "model.safetensors" if len(shards) == 1 else f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, folder / name)
    text = json.dumps({"format": FORMAT, **config}, indent=2, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", "utf-8")


def _stored(name: str, value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    keep = name.split(".")[-1] in FULL_PRECISION or not value.is_floating_point()
    return value.clone() if keep else value.half()


def _shards(state: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in state.items():
        if size and size + value.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += value.nbytes
    return shards


def load_state(folder: Path) -> dict[str, Tensor]:
    """All weights of a checkpoint, floating ones in fp32. Raises InputError if a file is missing or damaged."""
    files = sorted(folder.glob("model*.safetensors"))
    try:
        state = {k: v for f in files for k, v in load_file(f).items()}
    except Exception as error:  # safetensors raises its own type, and OSError, for damaged files
        raise InputError(f"The weights of checkpoint {folder.name!r} are damaged: {error}.") from error
    if not state:
        raise InputError(f"The checkpoint {folder.name!r} has no weights (model.safetensors).")
    state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    for name in [k for k in state if k.endswith("codebooks")]:  # the EMA sum is implied; warm starts need it
        count = state[name.replace("codebooks", "ema_count")]
        state[name.replace("codebooks", "ema_sum")] = state[name] * count[..., None]
    return state


def load_into(model: nn.Module, folder: Path) -> nn.Module:
    """Put a checkpoint's weights into ``model``. Raises InputError if they do not fit."""
    try:
        model.load_state_dict(load_state(folder))
    except RuntimeError as error:
        raise InputError(f"The weights of checkpoint {folder.name!r} do not fit its config.json.") from error
    return model


def kind(name: str) -> str:
    """What a checkpoint is: "tokenizer", "joint", "judge" or "prior"."""
    return str(read_config(find(name)).get("kind"))


def fingerprint(model: nn.Module, parts: tuple[str, ...] = ()) -> str:
    """8 hex digits that identify a model's weights: tokens made by other weights are refused with it.

    Args:
        parts: count only these top-level modules (none: all). A tokenizer is identified by its encoder and
            codebooks, so that a better decoder still opens old files.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if name.endswith(("ema_sum", "ema_count")) or (parts and name.split(".")[0] not in parts):
            continue
        digest.update(name.encode() + _stored(name, value).numpy().tobytes())
    return digest.hexdigest()[:8]


def auto_device(device: str | torch.device = "auto") -> torch.device:
    """ "auto" -> the GPU where there is one, else the CPU. Raises InputError for a device that is not here."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    name = str(device).lower()
    if name == "auto":
        return torch.device("cuda" if gpus else "mps" if mps else "cpu")
    kind, _, index = name.partition(":")
    number = int(index) if index.isdecimal() else 0
    if not re.fullmatch(r"(cpu|cuda|mps)(:\d{1,3})?", name):
        raise InputError(f"There is no device {str(device)[:40]!r}; take auto, cpu, cuda or mps.")
    if number >= {"cpu": 1, "cuda": gpus, "mps": int(mps)}[kind]:
        raise InputError(f"The device {name!r} is not on this machine; auto takes the best there is.")
    return torch.device(name)
