"""Processes that begin with everything imported, for tests that start many.

multiprocessing has one such server in a process, and who asks first says what it imports: so all
tests ask here.
"""

import multiprocessing
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest


@cache
def context() -> ForkServerContext:
    """Children of a process that is `prepared`, and has our training as well."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(
        ["prepared", "sightwright.train.sft", "sightwright.train.opening"]
    )
    # The server imports before it is told where its children will look for modules.
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver.ensure_running()
    return server
