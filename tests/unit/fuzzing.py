"""Valid files of every kind that is read, ways to alter them, and what must hold whatever comes out.

A target is a function of bytes. It returns quietly for what it takes and for what it refuses with `InputError` in one
sentence; anything else that it raises is a fault.
"""

from __future__ import annotations

import binascii
import io
import json
import random
import resource
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st
from modalities_files import chunk, colours, encoded, png_of, smooth, tone, written
from PIL import Image, features

from mmdemo import checkpoints
from mmdemo.entropy.priors import Priors
from mmdemo.errors import InputError
from mmdemo.modalities import audio, image, text
from mmdemo.modalities.sniff import HEAD_BYTES, sniff
from mmdemo.tokens import Tokens

CORPUS = Path(__file__).parent / "corpus"
SECONDS, MEGABYTES = 10.0, 1500  # that one input may take
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
REACH = (64, 512, 1 << 20)  # headers say more than samples do
EDITS = ("bytes", "bytes", "number", "number", "in", "out", "double", "cut", "join")


# ---------------------------------------------------------------------------------------------- bounds


@contextmanager
def bounded() -> Iterator[None]:
    """What happens inside ends within `SECONDS` of work and `MEGABYTES` more than there ever were, as a fault else."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    took = time.process_time() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024  # kilobytes on Linux
    assert took < SECONDS, f"{took:.1f} s"
    assert grown < MEGABYTES, f"{grown:.0f} MB more"


def check(target: Callable[[bytes], None], data: bytes) -> None:
    """One input: a result, or a refusal in one sentence, within bounds."""
    with bounded():
        try:
            target(data)
        except InputError as error:
            sentence = str(error)
            assert sentence.endswith((".", "?")) and "\n" not in sentence and len(sentence) < 500, sentence


# --------------------------------------------------------------------------------------------- targets


def read_head(data: bytes) -> None:
    """The sniffer knows the modality and the kind, or says nothing."""
    modality, kind = sniff(data[:HEAD_BYTES])
    assert modality in ("image", "audio", "text", None) and (kind is None or kind.split()[0] in ("a", "an"))
    assert kind is not None or modality is None


def read_picture(data: bytes) -> None:
    """A picture of the stated size with all of its pixels in range."""
    item = image.load(data)
    assert item.tensor.shape == (3, item.meta["height"], item.meta["width"])
    assert item.tensor.dtype == torch.float32 and item.tensor.min() >= 0 and item.tensor.max() <= 1


def read_sound(data: bytes) -> None:
    """A sound of the stated length in range; read in blocks it is the same."""
    item = audio.load(data)
    assert item.tensor.shape == (item.meta["samples"],) and item.meta["samples"] > 0
    assert item.tensor.abs().max() <= 1
    stream = audio.stream_blocks(data)
    assert stream.meta == item.meta and torch.equal(torch.cat(list(stream)), item.tensor)
    assert audio.original_frames(item.meta) > 0


def read_text(data: bytes) -> None:
    """A text in UTF-8, and the bytes of its file beside it where they are others."""
    item = text.load(io.BytesIO(data))
    back = item.tensor.numpy().tobytes()
    assert back.decode() and len(back) == item.meta["bytes"]
    assert (item.raw or back) == data


def read_tokens(data: bytes) -> None:
    """Tokens that can be written again."""
    tokens = Tokens.from_bytes(data)
    assert Tokens.from_bytes(tokens.to_bytes()) == tokens


def read_settings(folder: Path) -> Callable[[bytes], None]:
    """A checkpoint's config.json."""

    def target(data: bytes) -> None:
        (folder / "config.json").write_bytes(data)
        config = checkpoints.read_config(folder)
        assert isinstance(config, dict) and config["format"] == checkpoints.FORMAT

    return target


def read_weights(folder: Path, model: torch.nn.Module) -> Callable[[bytes], None]:
    """A checkpoint's weights, without a checksum to them."""

    def target(data: bytes) -> None:
        (folder / "model.safetensors").write_bytes(data)
        checkpoints.load_into(model, folder)
        assert all(value.isfinite().all() for value in model.state_dict().values() if value.is_floating_point())

    return target


# ----------------------------------------------------------------------------------------- valid files


def pictures() -> dict[str, bytes]:
    """A small picture in every format, mode and packing that is read."""
    rgb = Image.fromarray(smooth(13, 17))
    rgba = Image.fromarray(colours(9, 11, 4))
    files = {f"png {mode}": encoded(rgb.convert(mode), "PNG") for mode in ("1", "L", "P", "RGB")}
    files["png rgba"] = encoded(rgba, "PNG")
    files["png key"] = encoded(rgb.convert("P"), "PNG", transparency=3)
    deep = np.random.default_rng(0).integers(0, 65_536, (5, 7, 3))
    said = chunk(b"gAMA", struct.pack(">I", 100_000)) + chunk(b"cICP", bytes([9, 16, 0, 1]))
    said += chunk(b"tRNS", bytes(6)) + chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")
    said += chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200))) + chunk(b"zTXt", b"x\0\0" + zlib.compress(b"y" * 99))
    files["png deep"] = png_of(deep, 16, 2, said)
    files["apng"] = encoded(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)])
    exif = Image.Exif()
    exif[0x0112] = 6
    files["jpeg"] = encoded(rgb, "JPEG", exif=exif)
    files["jpeg progressive"] = encoded(rgb, "JPEG", progressive=True)
    files["jpeg cmyk"] = encoded(rgb.convert("CMYK"), "JPEG")
    files["gif"] = encoded(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)], transparency=0)
    files["webp"] = encoded(rgb, "WEBP", quality=50)
    files["webp lossless"] = encoded(rgba, "WEBP", lossless=True, save_all=True, append_images=[rgba.rotate(180)])
    files |= {f"bmp {mode}": encoded(rgb.convert(mode), "BMP") for mode in ("1", "L", "RGB")}
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        files[f"tiff {packing}"] = encoded(
            rgb.convert("1") if packing == "group4" else rgb, "TIFF", compression=packing
        )
    if features.check("avif"):
        files["avif"] = encoded(rgb, "AVIF")
    return files | _unusual_tiff()


def _unusual_tiff() -> dict[str, bytes]:
    try:
        import tifffile
    except ImportError:
        return {}
    files = {}
    kinds = {"planar": ("uint16", 3), "float": ("float32", 3), "alpha": ("uint16", 2), "wide": ("uint32", 1)}
    for name, (kind, channels) in kinds.items():
        for tiled in (False, True):
            buffer = io.BytesIO()
            values = (smooth(32, 16)[..., :channels] / 255).astype("float32")
            values = values if kind == "float32" else (values * np.float64(np.iinfo(kind).max)).astype(kind)
            options: dict = {"planarconfig": "separate"} if name == "planar" else {}
            if name == "planar":
                values = np.moveaxis(values, -1, 0)
            if name == "alpha":
                options["extrasamples"] = ["unassalpha"]
            tifffile.imwrite(
                buffer,
                values[..., 0] if channels == 1 else values,
                photometric="rgb" if channels == 3 else "minisblack",
                tile=(16, 16) if tiled else None,
                compression="zlib" if tiled else None,
                bigtiff=tiled,
                byteorder=">" if tiled else "<",
                **options,
            )
            files[f"tiff {name} {'tiled' if tiled else ''}"] = buffer.getvalue()
    return files


def sounds() -> dict[str, bytes]:
    """A short sound in every format that is read."""
    wave, stereo = tone(8000, 0.2), np.stack([tone(8000, 0.2)] * 2, 1)
    files = {
        kind: written(wave, 8000, kind) for kind in ("WAV", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "OGG", "MP3")
    }
    for subtype in ("IMA_ADPCM", "MS_ADPCM", "GSM610", "ULAW", "FLOAT", "DOUBLE", "PCM_24", "PCM_U8"):
        files[f"WAV {subtype}"] = written(wave, 8000, "WAV", subtype)
    files |= {f"{kind} stereo": written(stereo, 8000, kind) for kind in ("WAVEX", "FLAC", "OGG", "MP3")}
    files["CAF ALAC"] = written(wave, 8000, "CAF", "ALAC_16")
    files["OGG OPUS"] = written(wave, 8000, "OGG", "OPUS")
    files["joined MP3"] = files["MP3"] * 2
    files["chained OGG"] = files["OGG"] + files["OGG OPUS"]
    files["tagged WAV"] = b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + files["WAV"]
    try:
        from test_modalities_media import KINDS, recorded, wave_of
    except BaseException:  # the extra media is not installed: pytest's own way to say so
        return files
    return files | {kind: recorded(kind, wave_of(16_000, 0.2), 16_000) for kind in KINDS}


def texts() -> dict[str, bytes]:
    """A sentence in many encodings, and what is nearly one."""
    words = {
        "gb18030": "大小不一的字",
        "cp932": "こんにちは世界",
        "koi8-r": "Съешь ещё этих булок",
        "utf-8": "Größe 🎈",
    }
    words |= {
        "utf-16": "Größe",
        "utf-16-le": "Size",
        "utf-16-be": "Größe",
        "utf-32": "a",
        "utf-8-sig": "b",
        "cp1252": "é",
    }
    files = {name: (word * 4).encode(name) for name, word in words.items()}
    return files | {"svg": b"<?xml version='1.0'?><!-- a --><svg/>", "pdf": b"%PDF-1.7\nx", "nul": b"a\0b" * 9}


def tokens() -> dict[str, bytes]:
    """Files of tokens in every coding that needs no prior, and of the shipped priors where they are."""
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 32, (3, 2, 3)))
    sizes = {"image": {"height": 16, "width": 24}, "audio": {"samples": 1600, "sample_rate": 8000, "channels": 2}}
    made = {"image": Tokens(codes, "image", "image", 32, "0123abcd", sizes["image"])}
    made["audio"] = Tokens(codes[:, 0], "mine", "audio", 32, "0123abcd", sizes["audio"])
    made["text codes"] = Tokens(codes[:, 0], "text", "text", 32, "0123abcd", {"bytes": 11})
    none = torch.zeros(0, 1, dtype=torch.int64)
    for name, encoding in (("text", "utf-8"), ("file", "cp1252"), ("wide file", "utf-16")):
        raw = ("Größe" * 3).encode(encoding)
        plain = raw.decode(encoding).encode()
        meta = {"bytes": len(plain)} | ({} if encoding == "utf-8" else {"encoding": encoding})
        made[name] = Tokens(none, "text", "text", 2, "", meta, plain, b"" if encoding == "utf-8" else raw)
    files = {name: tokens.to_bytes() for name, tokens in made.items()}
    for name, tokens in made.items():
        if tokens.lossless:
            files[f"{name} deflated"] = replace(tokens, priors=_NoPriors()).to_bytes()
    return files


class _NoPriors(Priors):
    """As of a program without priors."""

    def for_bytes(self, wanted: str = "") -> None:
        """There is none."""


def configs(model: dict) -> dict[str, bytes]:
    """config.json of several kinds of checkpoint."""
    plain = {
        "format": 1,
        "kind": "tokenizer",
        "name": "small",
        "modality": "image",
        "model": model,
        "weights": {"a": "b"},
    }
    made = {"tokenizer": plain | {"weights": {"model.safetensors": "0" * 64}}}
    for folder in ("image", "audio", "text", "digits", "priors/bytes", "digits-judge"):
        path = checkpoints.roots()[0] / folder / "config.json" if checkpoints.roots() else Path("none")
        if path.is_file() and path.stat().st_size < 20_000:
            made[folder] = json.loads(path.read_text("utf-8"))
    return {name: json.dumps(config).encode() for name, config in made.items()}


# ---------------------------------------------------------------------------------------------- altered


def altered(files: dict[str, bytes], most: int = 6) -> st.SearchStrategy[bytes]:
    """A valid file with some bytes replaced, put in, taken out or doubled, cut short, or joined to another one."""
    place = st.sampled_from(REACH).flatmap(lambda most: st.integers(0, most - 1))
    edits = st.lists(
        st.tuples(place, st.sampled_from(EDITS), st.binary(min_size=1, max_size=9)), min_size=1, max_size=most
    )
    chosen = st.sampled_from([files[name] for name in sorted(files)])
    return st.builds(_edited, chosen, edits, chosen, st.sampled_from([False, False, True]))


def altered_at_random(files: dict[str, bytes], count: int, seed: int, most: int = 6) -> Iterator[bytes]:
    """As many of the same kind without Hypothesis, which takes longer to draw one than most take to be read."""
    rng = random.Random(seed)
    chosen = [files[name] for name in sorted(files)]
    for _ in range(count):
        reach = rng.choice(REACH)
        edits = [
            (rng.randrange(reach), rng.choice(EDITS), rng.randbytes(rng.randint(1, 9)))
            for _ in range(rng.randint(1, most))
        ]
        yield _edited(rng.choice(chosen), edits, rng.choice(chosen), rng.random() < 1 / 3)


def _edited(file: bytes, edits: list[tuple[int, str, bytes]], other: bytes, sealed: bool) -> bytes:
    data = bytearray(file)
    for place, what, by in edits:
        at = place % (len(data) or 1)
        if what == "bytes":
            data[at : at + 1] = by[:1]
        elif what == "number":
            value = NUMBERS[by[0] % len(NUMBERS)]
            width = (2, 4, 8)[len(by) % 3]
            data[at : at + width] = (value % 256**width).to_bytes(width, "big" if by[0] & 128 else "little")
        elif what == "in":
            data[at:at] = by
        elif what == "out":
            del data[at : at + by[0] % 64 + 1]
        elif what == "double":
            data[at:at] = data[at : at + by[0] % 64] * len(by)
        elif what == "cut":
            del data[at + 1 :]
        else:
            data += other
    return resealed(bytes(data)) if sealed else bytes(data)


def resealed(data: bytes) -> bytes:
    """With checksums that fit again, as somebody would who means harm: those of a PNG's chunks, of an .mmt file."""
    if data.startswith(b"MMT") and len(data) > 2:
        return data[:-2] + struct.pack(">H", binascii.crc_hqx(data[:-2], 0))
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = min(at + 8 + length, len(data) - 4)
        body = data[at + 4 : end]
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at = end + 4
    return bytes(out + data[at:])
