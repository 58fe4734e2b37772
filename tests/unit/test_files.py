"""Files on their way out: the earlier file stays whole until the new one is, and every refusal gives its reason."""

import errno
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmdemo.errors import InputError
from mmdemo.files import atomic_write, check_folder, write_bytes
from mmdemo.modalities import audio, image, text
from mmdemo.tokens import Tokens


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_earlier_file_stays_until_the_new_one_is_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_bytes(b"before")
    with atomic_write(target) as beside:
        beside.write_bytes(b"half")
        assert target.read_bytes() == b"before" and beside.suffix == ".txt"  # as a kill here would leave it
    assert target.read_bytes() == b"half" and names(tmp_path) == ["a.txt"]
    with pytest.raises(KeyError, match="of the block"), atomic_write(target) as beside:
        beside.write_bytes(b"other")
        raise KeyError("of the block")
    assert target.read_bytes() == b"half" and names(tmp_path) == ["a.txt"]


def test_permissions_links_and_long_names_are_kept(tmp_path):
    target, link = tmp_path / "real.txt", tmp_path / "link.txt"
    write_bytes(target, b"1")
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    target.chmod(0o640)
    link.symlink_to(target)
    write_bytes(link, b"2")
    assert link.is_symlink() and target.read_bytes() == b"2" and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert write_bytes(tmp_path / ("七" * 83 + ".mmt"), b"3").read_bytes() == b"3"  # 253 bytes
    assert write_bytes(tmp_path / "new" / "folder" / "a", b"4").read_bytes() == b"4"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_bytes(pipe, b"through")
    reader.join(10)
    assert got == [b"through"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    for target, reason in ((tmp_path, "folder"), (tmp_path / "file" / "x", "could not be written")):
        with pytest.raises(InputError, match=reason):
            write_bytes(target, b"")
    with pytest.raises(InputError, match="a file is in its place"):
        check_folder(tmp_path / "file")
    with pytest.raises(InputError, match="a file is in its place"):
        check_folder(tmp_path / "file" / "below")
    check_folder(tmp_path / "new" / "one")
    assert names(tmp_path / "new" / "one") == []


SAVERS = {
    "a.png": lambda path: image.save(Image.effect_noise((300, 300), 99), path),
    "a.jpg": lambda path: image.save(Image.effect_noise((300, 300), 99), path),
    "a.webp": lambda path: image.save(Image.effect_noise((300, 300), 99), path),
    "a.wav": lambda path: audio.save((16_000, np.zeros(50_000, np.float32)), path),
    "a.flac": lambda path: audio.save((16_000, np.random.default_rng(0).uniform(-1, 1, 50_000)), path),
    "a.ogg": lambda path: audio.save((16_000, np.random.default_rng(0).uniform(-1, 1, 50_000)), path),
    "a.mp3": lambda path: audio.save((16_000, np.random.default_rng(0).uniform(-1, 1, 50_000)), path),
    "a.txt": lambda path: text.save("word " * 10_000, path),
    "a.mmt": lambda path: Tokens(
        torch.zeros(8, 64, 64, dtype=torch.long), "x", "image", 256, "00000000", {"height": 512, "width": 512}
    ).save(path),
}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("name", SAVERS)
def test_a_full_disk_is_named_and_costs_nothing(tmp_path, monkeypatch, name):
    target = tmp_path / name
    target.write_bytes(b"before")
    full = tmp_path / f".full{target.suffix}"
    full.symlink_to("/dev/full")  # every write to it fails as on a full disk
    monkeypatch.setattr("mmdemo.files._beside", lambda _: full)
    with pytest.raises(InputError, match=os.strerror(errno.ENOSPC)):
        SAVERS[name](target)
    assert target.read_bytes() == b"before" and names(tmp_path) == [name]


@pytest.mark.parametrize("name", SAVERS)
def test_a_disk_that_is_full_in_the_middle_of_a_file_costs_nothing(tmp_path, name):
    resource = pytest.importorskip("resource")
    target = tmp_path / name
    target.write_bytes(b"before")
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))  # bytes of any file
    try:
        with pytest.raises(InputError, match=os.strerror(errno.EFBIG)):
            SAVERS[name](target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert target.read_bytes() == b"before" and names(tmp_path) == [name]


def test_a_comment_is_kept_in_pictures_and_sounds(tmp_path):
    import soundfile

    said = '{"model": "digits", "text": "七"}'
    assert Image.open(image.save(Image.new("RGB", (3, 3)), tmp_path / "a.png", said)).text == {"Comment": said}
    for name in ("a.wav", "a.flac", "a.ogg"):
        with soundfile.SoundFile(audio.save((16_000, np.zeros(9)), tmp_path / name, said)) as sound:
            assert sound.comment == said
