"""API keys: who is let in, and what those learn who are not."""

from pathlib import Path

import openai
import pytest
from openai import OpenAI

from sightwright.errors import ConfigError
from sightwright.serve.keys import Access, read_keys

from .conftest import Serving, png_of

KEYS = Access(("first-key", "second-key"))


def test_a_key_opens_every_endpoint(serving: Serving) -> None:
    with serving(access=KEYS) as (client, engine):
        for key in KEYS.keys:
            headers = {"Authorization": f"Bearer {key}"}
            files = {"file": png_of()}
            assert client.post("/v1/extract", files=files, headers=headers).status_code == 200
            assert client.get("/v1/models", headers=headers).status_code == 200
            assert client.get("/metrics", headers=headers).status_code == 200
        assert len(engine.requests) == 2


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer first", "Bearer first-key2", "Basic first-key", "first-key"],
)
def test_without_a_key_nothing_but_health_is_told(serving: Serving, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    with serving(access=KEYS) as (client, engine):
        refused = [
            client.post("/v1/extract", files={"file": png_of()}, headers=headers),
            client.post("/v1/chat/completions", json={"stream": True}, headers=headers),
            *(client.get(path, headers=headers) for path in ("/v1/models", "/v1/schemas", "/x")),
            client.get("/metrics", headers=headers),
        ]
        assert client.get("/health", headers=headers).status_code == 200
        assert engine.requests == []
    for answer in refused:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        error = answer.json()["error"]
        assert error["code"] == "invalid_api_key"
        assert "first-key" not in answer.text


def test_the_official_client_knows_what_was_wrong(serving: Serving) -> None:
    with serving(access=KEYS) as (http, _):
        base = f"{http.base_url}/v1"
        with OpenAI(base_url=base, api_key="second-key", max_retries=0) as client:
            assert [model.id for model in client.models.list()] == ["reader"]
        with (
            OpenAI(base_url=base, api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError, match="API key"),
        ):
            client.models.list()


def test_metrics_can_be_open(serving: Serving) -> None:
    with serving(access=Access(("a-key",), open_metrics=True)) as (client, _):
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/models").status_code == 401


def test_keys_come_from_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# team A\n one \n\ntwo\none\n")
    assert read_keys(file, {"SIGHTWRIGHT_API_KEY": "three, four"}) == (
        "three", "four", "one", "two",
    )  # fmt: skip
    # As Windows' editor saves it.
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert read_keys(file, {}) == ("one", "two")
    assert read_keys(None, {}) == ()


@pytest.mark.parametrize(
    "content", [b"", b"# none\n", b"two words\n", "schlüssel\n".encode(), b"\xff"]
)
def test_a_file_without_a_usable_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_keys(file, {})
    assert str(file) in str(caught.value)
    assert "two words" not in str(caught.value)
    with pytest.raises(ConfigError):
        read_keys(tmp_path / "missing", {})
