"""`sightwright serve` as a user runs it: one line to read, then requests, then a quiet end."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from sightwright.cli.main import main
from sightwright.cli.serve import _named_schemas, _settings
from sightwright.cli.serve_options import DEFAULTS
from sightwright.config.sections.serve import Serve
from sightwright.errors import ConfigError

COMMAND = [sys.executable, "-m", "sightwright", "serve", "--model", "tiny", "--device", "cpu"]


def test_a_server_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    schema = tmp_path / "kind.schema.json"
    schema.write_text('{"type":"object","properties":{"kind":{"enum":["receipt"]}}}')
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--schema", str(schema), "--name", "reader"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert line["model"] == "reader"
        health = httpx.get(f"{line['listening']}/health").json()
        assert health == {"status": "ready", "model": "reader", "extracts": ["kind"]}
        process.send_signal(signal.SIGTERM)
        rest, messages = process.communicate(timeout=60)
        assert process.returncode == 0, messages
        assert rest == ""
        assert "stopped" in messages
        assert "Traceback" not in messages


def test_a_port_in_use_is_told_before_the_model_is_loaded() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as held:
        port = str(held.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot listen" in done.stderr
    assert "--port" in done.stderr


def test_a_yaml_says_what_to_serve_and_a_key_is_needed(tmp_path: Path) -> None:
    for name in ("kind", "sort"):
        (tmp_path / f"{name}.json").write_text(
            f'{{"type":"object","properties":{{"{name}":{{"enum":["receipt"]}}}}}}'
        )
    config = tmp_path / "serve.yaml"
    config.write_text(
        "serve:\n  model: tiny\n  port: 0\n  served_model_name: reader\n  max_pages: 1\n"
        f"  schemas: {{one: {tmp_path}/kind.json, two: {tmp_path}/sort.json}}\n"
    )
    with subprocess.Popen(
        [*COMMAND[:4], "--config", str(config), "--name", "other", "--host", "0.0.0.0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SIGHTWRIGHT_API_KEY": "sesame"},
    ) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert line["model"] == "other"
        url = line["listening"].replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{url}/health").json()["extracts"] == ["one", "two"]
        assert httpx.get(f"{url}/v1/schemas").status_code == 401
        headers = {"Authorization": "Bearer sesame"}
        answer = httpx.get(f"{url}/v1/schemas", headers=headers).json()
        assert [schema["id"] for schema in answer["data"]] == ["one", "two"]
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
        assert process.returncode == 0, messages
        assert "API keys: 1" in messages
        assert "sesame" not in messages
        assert "anybody" not in messages


def test_the_command_line_wins_over_the_yaml(tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text("serve: {port: 9000, max_pages: 3, host: 0.0.0.0, open_metrics: true}")
    settings = _settings(config, {"port": 1, "max_pages": None, "open_metrics": False})
    assert (settings.port, settings.max_pages, settings.host) == (1, 3, "0.0.0.0")
    assert settings.open_metrics is False
    assert _settings(None, {"port": None}) == Serve()


def test_the_defaults_of_the_help_are_those_of_the_yaml() -> None:
    plain = Serve()
    assert {
        "host": plain.host,
        "port": str(plain.port),
        "dpi": str(plain.dpi),
        "max_body_mb": f"{plain.max_body_bytes / 2**20:g}",
        "max_pages": str(plain.max_pages),
        "window_pages": str(plain.window_pages),
        "max_image_pixels": str(plain.max_image_pixels),
        "max_tokens": str(plain.max_output_tokens),
        "max_waiting": str(plain.max_waiting),
        "request_timeout": f"{plain.timeout_seconds:g}",
        "grace": f"{plain.grace_seconds:g}",
    } == DEFAULTS


def test_schemas_have_the_names_given_or_those_of_their_files(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.json"
    odd.write_text("{}")
    assert _named_schemas(["x/invoice.schema.json", "short=x\\y.json", str(odd)]) == {
        "invoice": "x/invoice.schema.json",
        "short": "x/y.json",
        "a=b": str(odd),
    }
    with pytest.raises(ConfigError, match="two schemas named 'invoice'"):
        _named_schemas(["invoice.json", "other/invoice.schema.json"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give --model"),
        (["--model", "tiny", "--api-key-file", "gone"], "keys cannot be read"),
        (["--model", "tiny", "--port", "0", "--schema", "gone.json"], "no such schema file"),
        (["--config", "gone.yaml"], "gone.yaml"),
    ],
)
def test_what_cannot_be_served_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    before = threading.active_count()
    with pytest.raises(SystemExit) as ended:
        main(["serve", *arguments])
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err
    assert threading.active_count() == before
