"""What the environment says wrongly is one sentence, or left out and said; nothing of it is a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import gradio as gr
import pytest

from mmdemo.ui import app, start
from mmdemo.ui.serving import environment, launch
from mmdemo.ui.shared import store


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in (*environment.NUMBERS, *environment._CONNECTING, "NO_PROXY", "no_proxy", "GRADIO_SERVER_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", environment.NUMBERS)
def test_numbers(name, monkeypatch, capsys):
    monkeypatch.setattr(app, "main", lambda argv: None)
    for wrong in ("abc", "-1", "1.5", "10000000000", "٣a"):
        monkeypatch.setenv(name, wrong)
        with pytest.raises(SystemExit, match=rf"^mmdemo app: {name} takes a whole number from \d+ to \d+, not '"):
            start.main([])
    for right in ("1", " 1 "):
        monkeypatch.setenv(name, right)
        start.main([])
    monkeypatch.setenv(name, " ")  # as `NAME=$UNSET` leaves it, which Gradio takes for a number
    start.main([])
    assert name not in os.environ and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", [["app.py"], ["-m", "mmdemo", "app"]])
def test_a_fresh_start_does_not_get_to_gradio(command, repo_root):
    """Gradio itself fails as it is imported."""
    environ = {**os.environ, "GRADIO_SERVER_PORT": "abc", "PYTHONPATH": str(repo_root)}
    done = subprocess.run([sys.executable, *command], cwd=repo_root, env=environ, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "mmdemo app: GRADIO_SERVER_PORT takes a whole number from 1 to 65535, not 'abc'.\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "what://127.0.0.1:1"), ("https_proxy", "http://[::1"), ("SSL_CERT_FILE", "/no/such/file.pem")],
)
def test_connections_that_cannot_be_made_are_left_out_and_said(name, value, monkeypatch, capsys):
    monkeypatch.setattr(app, "main", lambda argv: None)
    monkeypatch.setenv(name, value)
    start.main([])
    said = capsys.readouterr().err
    assert name not in os.environ
    assert said.startswith(f"mmdemo app: {name} is not used (") and said.count("\n") == 1


def test_a_proxy_is_not_asked_for_this_server(monkeypatch):
    """Gradio asks itself whether it is up, and took a proxy's answer for its own."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # nothing listens
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "example.org")
        with gr.Blocks() as page:
            gr.Markdown("here")
        up = []

        def started():
            up.append(page.local_url)
            raise KeyboardInterrupt

        launch.serve(page, launch.options_of([]), app.launch_kwargs(), started)
    assert len(up) == 1
    assert os.environ["no_proxy"].startswith("example.org,127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "GRADIO_SERVER_NAME",
            "no.such.host.invalid",
            "has no address 'no.such.host.invalid' to listen on (GRADIO_",
        ),
        ("GRADIO_SERVER_NAME", "192.0.2.1", "Nothing can listen on 192.0.2.1 (GRADIO_SERVER_NAME): "),
        ("GRADIO_ROOT_PATH", "demo", "GRADIO_ROOT_PATH takes a path such as /demo, or an address"),
        ("MMDEMO_KEPT", "/dev/null/kept", "MMDEMO_KEPT names another for what links lead to."),
    ],
)
def test_places(name, value, sentence, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    store.store.cache_clear()
    with pytest.raises(SystemExit, match="2"):
        launch.options_of([])
    store.store.cache_clear()
    said = capsys.readouterr().err
    assert said.startswith("mmdemo app: ") and sentence in said and said.count("\n") == 1


def test_ports_that_the_environment_names(monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
        launch.options_of([])  # one of the next hundred is free
        monkeypatch.setenv("GRADIO_NUM_PORTS", "1")
        with pytest.raises(SystemExit, match="2"):
            launch.options_of([])
    assert f"The ports {port} to {port} are all taken" in capsys.readouterr().err


def test_sharing(monkeypatch):
    assert launch.options_of([]).share is False
    monkeypatch.setenv("GRADIO_SHARE", "True")
    assert launch.options_of([]).share is True


def test_what_cannot_be_kept_stops_nobody(tmp_path):
    (tmp_path / "file").write_text("")
    assert store.Store(tmp_path / "file" / "kept").keep(b"input") == ""
