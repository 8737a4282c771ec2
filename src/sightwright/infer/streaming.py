"""Tokens → deltas of whole characters, for whoever watches an answer being written."""

import codecs

from sightwright.infer.engine import AnswerCancelledError, Delta, Watch


class Teller:
    """Tells a watch what one answer gains. An absent watch costs nothing.

    Args:
        index: of the request among those answered together.
    """

    def __init__(self, watch: Watch | None, index: int) -> None:
        self._watch = watch
        self._index = index
        # What no character can begin with becomes U+FFFD, as it does in `Completion.text`.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def wrote(self, token: bytes, logprob: float | None) -> None:
        """One token more; without a `logprob` where the engine has none."""
        if self._watch is not None:
            text = self._decoder.decode(token)
            logprobs = () if logprob is None else (logprob,)
            self._watch.wrote(self._index, Delta(text, (token,), logprobs))

    def ended(self) -> None:
        """No token follows: a character that was begun is given up."""
        if self._watch is not None and (rest := self._decoder.decode(b"", final=True)):
            self._watch.wrote(self._index, Delta(rest))


def raise_if_cancelled(watch: Watch | None) -> None:
    """
    Raises:
        AnswerCancelledError: the watch says so.
    """
    if watch is not None and watch.is_cancelled():
        raise AnswerCancelledError
