"""A JSONL read, and checked, by us and by Hugging Face `datasets`; they must find the same."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from benchmarks.peers.environments import MissingPeerError, Peer

TURNS = 3
ITEM = "1000 records"


@dataclass(frozen=True)
class Contest:
    """What is read and checked.

    Attributes:
        read: what we find in the file; the peer's answers hash to the same.
        check: the numbers of the bad lines; there are none.
        schemas: what the peer checks by.
        titles: of the two comparisons: reading, and reading with checking.
        equality: what both agree on when they read.
        asked: what else the peer is told.
    """

    read: Callable[[Path], list[str]]
    check: Callable[[Path], Sequence[int]]
    schemas: dict[str, Any]
    titles: tuple[str, str]
    equality: str
    asked: dict[str, str]


def compare_datasets(file: Path, num_records: int, contest: Contest) -> list[Comparison]:
    """Both comparisons; none where the peer is not installed."""
    try:
        peer = Peer("hf_datasets")
    except MissingPeerError as error:
        print(f"\nleft out: {error}")
        return []
    with peer:
        digest = hashlib.sha256("\n".join(contest.read(file)).encode()).hexdigest()
        assert not contest.check(file)

        def turn(how: str, schemas: dict[str, Any] | None) -> Callable[[], float]:
            def ask() -> float:
                answer = peer.ask(file=str(file), how=how, schemas=schemas, **contest.asked)
                assert answer["found"] == (digest if schemas is None else 0)
                return float(answer["seconds"])

            return ask

        ways = ("streaming", "through its cache")
        named = {how: f"datasets {peer.version} {how}" for how in ways}
        reading = {OURS: timed(lambda: contest.read(file))}
        reading |= {label: turn(how, None) for how, label in named.items()}
        checking = {OURS: timed(lambda: contest.check(file))}
        checking |= {
            f"{label} + jsonschema": turn(how, contest.schemas) for how, label in named.items()
        }
        number = num_records // 1000
        to_read, to_check = contest.titles
        return [
            compare_turns(to_read, reading, TURNS, contest.equality, ITEM, number),
            compare_turns(to_check, checking, TURNS, "no line is bad", ITEM, number),
        ]
