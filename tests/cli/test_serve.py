"""`sightwright serve` as a user runs it: one line to read, then requests, then a quiet end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

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
        assert health == {"status": "ready", "model": "reader", "extracts": "kind"}
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
