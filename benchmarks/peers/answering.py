"""A peer's side of the talk: runs in the peer's environment, imports nothing of ours."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def answer_all(version: str, draw: Callable[..., list[Any]]) -> None:
    """Draw as each line of stdin asks; save the pages where it says so."""
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        save = question.pop("save", None)
        started = time.perf_counter()
        pages = draw(**question)
        seconds = time.perf_counter() - started
        if save is not None:
            np.savez(save, *[np.asarray(page) for page in pages])
        print(json.dumps({"seconds": seconds}), flush=True)


def answer_questions(version: str, known: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
    """Answer each line of stdin by the function that its `what` names."""
    # Whatever a library prints is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps({"version": version}), file=answers, flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(known[question.pop("what")](**question)), file=answers, flush=True)
