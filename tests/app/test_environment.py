"""What the environment says wrongly is one sentence, or left out and said; nothing of it is a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

import gradio as gr
import httpx
import pytest

from mmdemo.errors import InputError
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


def shown(options: list[str]) -> str:
    """The address at which a page is served with these options."""
    with gr.Blocks() as page:
        gr.Markdown("here")
    up = []

    def started():
        up.append(page.local_url)
        httpx.get(f"{page.local_url}health").raise_for_status()
        raise KeyboardInterrupt

    launch.serve(page, launch.options_of(options), app.launch_kwargs(), started)
    return up[0]


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_addresses_of_ipv6(host, monkeypatch):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert shown(["--host", host]).startswith("http://[::1]:")
    monkeypatch.setenv("GRADIO_SERVER_NAME", host)
    assert shown([]).startswith("http://[::1]:")


def test_a_port_that_was_taken_meanwhile():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.close()
        options = launch.options_of(["--port", str(port)])
        with socket.socket() as other, gr.Blocks() as page:
            other.bind(("127.0.0.1", port))
            other.listen()
            with pytest.raises(InputError, match="could not be started: Cannot find empty port"):
                launch.serve(page, options, app.launch_kwargs())


@pytest.mark.slow
def test_who_ends_it_at_work_ends_it_whole(repo_root, tmp_path):
    """Its first thing is to prepare the page, in a thread that was cut off inside torch: `terminate called …`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "PYTHONPATH": str(repo_root), "GRADIO_TEMP_DIR": str(tmp_path)}
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    with subprocess.Popen(command, cwd=repo_root, env=environ, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).is_success:
                    break
            time.sleep(0.2)
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and "terminate called" not in said and "Traceback" not in said, said
    assert not list(tmp_path.glob("mmdemo-*"))


def test_sharing(monkeypatch):
    assert launch.options_of([]).share is False
    monkeypatch.setenv("GRADIO_SHARE", "True")
    assert launch.options_of([]).share is True


def test_what_cannot_be_kept_stops_nobody(tmp_path):
    (tmp_path / "file").write_text("")
    assert store.Store(tmp_path / "file" / "kept").keep(b"input") == ""
