"""Checkpoints on disk and on the Hub: a folder with config.json, safetensors shards and a model card (README.md).

Weights are stored in half precision, in files under 10 MB (what a Space's plain ``git push`` takes), and are
used in fp32. Nothing is ever pickled.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import field, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import safetensors.torch
import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .config import MAX_WEIGHTS, Name, from_dict, settings
from .errors import InputError, MissingError
from .files import shown, write_bytes
from .hub import download, is_hub_id
from .registry import Registry

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=nn.Module)

FORMAT = 1  # version of config.json
SHARD_BYTES = 9_500_000
# Kept in fp32: code assignment must not move when weights are rounded, and counts exceed half precision.
FULL_PRECISION = ("codebooks", "ema_count", "mean", "std", "running_mean", "running_var", "fb", "window")
MAX_CONFIG_BYTES = 1_000_000
MAX_FILE_BYTES = 4 * MAX_WEIGHTS + 16_000_000  # of one file of weights: as many as a model may have, and their names
# Tokenizers, by the name of their network. In an address, since they stand above this file.
_TOKENIZERS: Registry[Any] = Registry("part of the package", {"tokenizers": "mmdemo.tokenizers:REGISTRY"})
# Kinds of checkpoints besides tokenizers -> the settings of their networks.
MODEL_SETTINGS: Registry[type[Any]] = Registry(
    "kind of checkpoint",
    {
        "joint": "mmdemo.diffusion.streams:DiTConfig",
        "prior": "mmdemo.entropy.prior:PriorConfig",
        "judge": "mmdemo.digits.classifier:JudgeConfig",
        "matching": "mmdemo.emoji.matching:MatchingJudgeConfig",
        "prompt": "mmdemo.prompts.encoder:PromptEncoderConfig",
        "recognizer": "mmdemo.speech.recognizer:RecognizerConfig",
        "durations": "mmdemo.speech.duration:DurationConfig",
    },
)


def roots() -> list[Path]:
    """Folders that hold shipped checkpoints: the repository's, then the ones inside an installed wheel."""
    package = Path(__file__).resolve().parent
    return [p for p in (package.parent / "checkpoints", package / "_checkpoints") if p.is_dir()]


def list_checkpoints() -> list[str]:
    """Names of the shipped checkpoints, without the tokenizers that a diffusion model brings along."""
    found = {f.parent.relative_to(root) for root in roots() for f in root.rglob("config.json")}
    return sorted(name.as_posix() for name in found if len(name.parts) <= 2)


def brought_along(name: str) -> list[Path]:
    """Folders ``tokenizers/NAME`` of shipped diffusion models: what they were trained on, where that is no longer the
    shipped one of this name; ``tokenizers/priors`` holds the priors of these."""
    return [f for root in roots() for f in sorted(root.glob(f"*/tokenizers/{name}")) if f.is_dir()]


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
    if hub and isinstance(name, str) and is_hub_id(typed):
        return download(typed)
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


@settings
class StreamTokenizer:
    """Which weights gave a joint model its latents of one stream."""

    name: Name
    fingerprint: Name


@settings
class CheckpointConfig:
    """What config.json says besides what other programs may have added to it. "model" is the network's own settings."""

    format: Annotated[int, Field(ge=1, le=10**6)]
    kind: Name  # "tokenizer" or "joint", or one of `MODEL_SETTINGS`
    name: Annotated[str, Field(max_length=1000)] = ""
    modality: Name = ""  # of a tokenizer
    network: Name = ""  # of a tokenizer: of `tokenizers.REGISTRY`; empty: the modality's own
    model: dict[str, Any] = field(default_factory=dict)
    tokenizers: dict[Name, StreamTokenizer] = field(default_factory=dict)  # of a joint model
    schedule: Name = "flow"  # of a joint model
    interface: dict[str, Any] = field(default_factory=dict)  # of a joint model
    training: dict[str, Any] = field(default_factory=dict)
    weights: dict[Name, Name] = field(default_factory=dict)  # files of the weights and their SHA-256

    def __post_init__(self) -> None:
        needed = {"tokenizer": ("name", "modality", "model"), "joint": ("name", "tokenizers", "model")}
        for setting in needed.get(self.kind, ()):
            if not getattr(self, setting):
                raise ValueError(f"{setting} is missing.")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint folder, every setting of a known type and within its bounds.

    Raises:
        InputError: it is damaged, altered, or newer than this program.
    """
    try:
        config = json.loads(_read_small(folder / "config.json"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"The checkpoint {shown(folder)} has no readable config.json.") from error
    with naming(folder):
        if not isinstance(config, dict):
            raise InputError("its config.json holds no table.")
        known = from_dict(CheckpointConfig, {k: v for k, v in config.items() if k in CONFIG_KEYS}, "config.json")
        if known.format > FORMAT:
            raise InputError(f"it needs a newer mmdemo (format {known.format}; known: {FORMAT}).")
        cls = _model_settings(known)
        if cls is not None:
            from_dict(cls, known.model, "config.json: model")
    return config


CONFIG_KEYS = {f.name for f in fields(CheckpointConfig)}


def _model_settings(config: CheckpointConfig) -> Any:
    """The dataclass of a network's settings; None for a kind that is not known here."""
    if config.kind == "tokenizer":
        return _TOKENIZERS["tokenizers"][config.network or config.modality].Config
    return MODEL_SETTINGS[config.kind] if config.kind in MODEL_SETTINGS else None  # noqa: SIM401 - it has no get


def _read_small(path: Path) -> str:
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError("too large for settings")
    return path.read_text("utf-8")


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    """Errors about what a checkpoint holds say which checkpoint."""
    try:
        yield
    except InputError as error:
        raise InputError(f"The checkpoint {shown(folder)} cannot be used: {error}") from None


# ------------------------------------------------------------------------------------------- weights


def save(folder: Path, model: nn.Module, config: dict[str, Any]) -> None:
    """Write weights (half precision, sharded) and config.json; an existing card is left alone.

    config.json names the files of the weights with their checksums, and is renamed into place when these are there: so
    a checkpoint is the earlier one or the new one whole, whenever the process is killed.

    Raises:
        InputError: the disk or its permissions do not allow it; the earlier checkpoint is as it was.
    """
    shards = _shards({k: _stored(k, v) for k, v in model.state_dict().items() if not k.endswith("ema_sum")})
    files = {_shard_name(i, len(shards)): safetensors.torch.save(shard) for i, shard in enumerate(shards)}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    before = {f.name for f in folder.glob("model*.safetensors")}
    if before & set(files):  # other weights go by these names: first under others, then under their own
        aside = {name.replace("model", "model-new", 1): name for name in files}
        for new, name in aside.items():
            write_bytes(folder / new, files[name])
        _write_config(folder, config, {new: digests[name] for new, name in aside.items()})
        before |= set(aside)
    for name, data in files.items():
        write_bytes(folder / name, data)
    _write_config(folder, config, digests)
    for name in before - set(files):
        (folder / name).unlink(missing_ok=True)


def _write_config(folder: Path, config: dict[str, Any], digests: dict[str, str]) -> None:
    text = json.dumps({"format": FORMAT, **config, "weights": digests}, indent=2, ensure_ascii=False)
    write_bytes(folder / "config.json", (text + "\n").encode())


def _shard_name(index: int, count: int) -> str:
    return "model.safetensors" if count == 1 else f"model-{index + 1:05d}-of-{count:05d}.safetensors"


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
    """All weights of a checkpoint, floating ones in fp32.

    Raises:
        InputError: a file is missing, damaged, larger than any model's, or not the one that config.json has the
            checksum of; or a weight is no number.
    """
    state: dict[str, Tensor] = {}
    for file, digest in _weight_files(folder).items():
        try:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise InputError(f"The weights of checkpoint {shown(folder)} are over {MAX_FILE_BYTES >> 20} MB.")
            data = file.read_bytes()
            if digest and hashlib.sha256(data).hexdigest() != digest:
                raise InputError(f"The weights of checkpoint {shown(folder)} were altered or damaged: {file.name}.")
            state |= safetensors.torch.load(data)
        except (SafetensorError, OSError) as error:
            raise InputError(f"The weights of checkpoint {shown(folder)} are damaged: {error}.") from error
    if not state:
        raise InputError(f"The checkpoint {shown(folder)} has no weights (model.safetensors).")
    for name, value in state.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise InputError(f"The weights of checkpoint {shown(folder)} are damaged: not all of {name} are numbers.")
    state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    for name in [k for k in state if k.endswith("codebooks")]:  # the EMA sum is implied; warm starts need it
        count = state.get(name.replace("codebooks", "ema_count"))
        if count is None or count.shape != state[name].shape[:-1]:
            raise InputError(f"The weights of checkpoint {shown(folder)} are damaged: {name} has no counts to it.")
        state[name.replace("codebooks", "ema_sum")] = state[name] * count[..., None]
    return state


def _weight_files(folder: Path) -> dict[Path, str]:
    """Files of a checkpoint's weights with their checksums, "" where it was saved before there were any."""
    try:
        listed = json.loads(_read_small(folder / "config.json")).get("weights")
    except (OSError, ValueError, AttributeError, RecursionError):  # weights alone, as a warm start may take them
        listed = None
    if not listed:
        return dict.fromkeys(sorted(folder.glob("model*.safetensors")), "")
    if not isinstance(listed, dict) or any("/" in str(f) or "\\" in str(f) for f in listed):
        raise InputError(f"The checkpoint {shown(folder)} names no files of weights.")
    return {folder / str(file): str(digest) for file, digest in listed.items()}


def load_into(model: nn.Module, folder: Path) -> nn.Module:
    """Put a checkpoint's weights into ``model``. Raises InputError if they do not fit, before they are read."""
    wanted = {k: tuple(v.shape) for k, v in model.state_dict().items() if not k.endswith("ema_sum")}
    with _misfits(folder):
        stored: dict[str, tuple[int, ...]] = {}
        for file in _weight_files(folder):
            with suppress(SafetensorError, OSError), safe_open(file, "pt") as opened:  # `load_state` says what is wrong
                stored |= {k: tuple(opened.get_slice(k).get_shape()) for k in opened.keys()}  # noqa: SIM118
        if any(stored[k] != wanted.get(k) for k in stored):
            raise RuntimeError("other shapes")
        model.load_state_dict(load_state(folder))
    return model


def load_model(kind: str, network: Callable[[Any], M], name: str | Path) -> M:
    """A network of one of the `MODEL_SETTINGS` as a checkpoint has it, for use: in eval mode, without gradients.

    Args:
        kind: what the checkpoint must be.
        network: makes the network from its settings.
        name: a shipped name or a folder.

    Raises:
        InputError: the checkpoint is missing, damaged, or of another kind.
    """
    folder = find(name, hub=False)
    config = read_config(folder)
    if config["kind"] != kind:
        raise InputError(f"The checkpoint {shown(folder)} is of the kind {config['kind']!r}; needed is {kind!r}.")
    model = network(from_dict(MODEL_SETTINGS[kind], config["model"]))
    load_into(model, folder)
    return model.eval().requires_grad_(False)


@contextmanager
def _misfits(folder: Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise InputError(f"The weights of checkpoint {shown(folder)} do not fit its config.json.") from error


def digest(folder: Path) -> str:
    """8 hex digits of the files of a checkpoint's weights, whatever they hold."""
    whole = hashlib.sha256()
    for file in sorted(_weight_files(folder)):
        with suppress(OSError):
            whole.update(file.read_bytes())
    return whole.hexdigest()[:8]


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
