"""torchrun without its report: what a process said when it failed is the last thing on the screen.

    python -m sightwright.cli.launch --standalone --nproc_per_node 2 -m src.sft --config run.yaml

Every argument is torchrun's. Ends with the exit code of the process that failed first; the others
are ended by torchrun.
"""

import logging
import signal
import sys

from sightwright.extras import require


def main(arguments: list[str]) -> None:
    require("torch", "train")
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        run.run(run.parse_args(arguments))
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            print(f"error: process {rank} was ended by {name}", file=sys.stderr)
        raise SystemExit(_code(failure.exitcode)) from None
    except SignalException as stopped:
        raise SystemExit(_code(-stopped.sigval)) from None


def _code(of_process: int) -> int:
    """As a shell has it: 128 + the number of the signal."""
    return of_process if of_process >= 0 else 128 - of_process


if __name__ == "__main__":
    main(sys.argv[1:])
