"""Every address is judged, and the one that was judged is the one that is dialled."""

import socket
import time
from collections.abc import Sequence

import httpcore
import pytest

from sightwright.web.network import CheckedNetwork, NotPublicError, UnresolvedError, is_public


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450::1"],
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "100.64.0.1", "100.127.255.254", "192.0.0.8", "192.0.2.1"),
        *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
        *("240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:1.1.1.1", "fe80::1", "fec0::1"),
        *("fe80::1%1", "fc00::1", "fd12::1", "ff02::1", "64:ff9b::101:101", "64:ff9b:1::1"),
        *("2001::1", "2001:db8::1", "2002:7f00:1::", "2002:101:101::1", "3fff::1", "100::1"),
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


class _Dialled(httpcore.MockStream):
    def __init__(self) -> None:
        super().__init__([b"answer"])


class _Dial:
    def __init__(self, *, silent: Sequence[str] = ()) -> None:
        self.dialled: list[str] = []
        self.silent = silent

    def __call__(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        self.dialled.append(address)
        if address in self.silent:
            raise httpcore.ConnectTimeout
        return _Dialled()


def _network(
    addresses: Sequence[str], dial: _Dial, *, allow_private: bool = False, seconds: float = 5.0
) -> CheckedNetwork:
    deadline = time.monotonic() + seconds
    return CheckedNetwork(lambda host, port: addresses, dial, allow_private, deadline)


def test_the_address_that_was_checked_is_dialled() -> None:
    dial = _Dial()
    _network(["93.184.216.34"], dial).connect_tcp("pages.example", 80)
    assert dial.dialled == ["93.184.216.34"]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    dial = _Dial()
    with pytest.raises(NotPublicError):
        _network(["93.184.216.34", "10.0.0.1"], dial).connect_tcp("pages.example", 80)
    assert dial.dialled == []


def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    dial = _Dial(silent=["2606:2800::1"])
    _network(["2606:2800::1", "93.184.216.34"], dial).connect_tcp("pages.example", 80)
    assert dial.dialled == ["2606:2800::1", "93.184.216.34"]


def test_when_none_answers_the_last_failure_is_told() -> None:
    dial = _Dial(silent=["1.1.1.1", "1.0.0.1"])
    with pytest.raises(httpcore.ConnectTimeout):
        _network(["1.1.1.1", "1.0.0.1"], dial).connect_tcp("pages.example", 80)


@pytest.mark.parametrize(
    ("code", "transient"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)]
)
def test_a_name_without_an_address(code: int, transient: bool) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(code, "no")

    network = CheckedNetwork(unknown, _Dial(), True, time.monotonic() + 5)
    with pytest.raises(UnresolvedError) as caught:
        network.connect_tcp("pages.example", 80)
    assert caught.value.transient is transient


def test_a_resolver_that_never_answers_is_left_at_the_deadline() -> None:
    def hangs(host: str, port: int) -> list[str]:
        time.sleep(3)
        return ["1.1.1.1"]

    started = time.monotonic()
    network = CheckedNetwork(hangs, _Dial(), True, started + 0.1)
    with pytest.raises(httpcore.ConnectTimeout, match="resolver"):
        network.connect_tcp("pages.example", 80)
    assert time.monotonic() - started < 2


def test_nothing_is_read_or_written_past_the_deadline() -> None:
    stream = _network(["1.1.1.1"], _Dial(), seconds=0.05).connect_tcp("pages.example", 80)
    assert stream.read(10, timeout=60) == b"answer"
    time.sleep(0.06)
    with pytest.raises(httpcore.ReadTimeout):
        stream.read(10, timeout=60)
    with pytest.raises(httpcore.WriteTimeout):
        stream.write(b"more", timeout=60)
