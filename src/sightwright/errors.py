"""The errors a user can meet: what is wrong, where, and what to do about it.

Everything here is the user's to mend, so the command line prints it without a traceback and ends
with `exit_code`. A bug of ours stays an ordinary exception and keeps its traceback (exit code 1).
"""


class SightwrightError(ValueError):
    """A mistake that its reader can mend.

    Args:
        message: what is wrong, with the offending value.
        where: the place, as `file:line (id)`, a dotted key, or a URL.
        remedy: what to do next.
    """

    exit_code: int = 2

    def __init__(
        self, message: str, *, where: str | None = None, remedy: str | None = None
    ) -> None:
        self.message = message
        self.where = where
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  remedy: {self.remedy}" if self.remedy else text


class ConfigError(SightwrightError):
    """A YAML file, or a combination of settings, that cannot be run."""


class DataError(SightwrightError):
    """A record, label, schema or file that breaks its contract."""


class ImageError(DataError):
    """An image that cannot be opened, or is larger than allowed."""


class SchemaError(DataError):
    """A JSON Schema that cannot be honoured, or an answer outside it."""


class ModelError(SightwrightError):
    """A model folder, an adapter or a parameter pattern that does not fit."""


class MissingExtraError(SightwrightError):
    """An optional dependency that is not installed."""

    exit_code = 3


class RefusedError(SightwrightError):
    """A request that the server will not serve: `status` is the HTTP status to answer with."""

    def __init__(self, message: str, *, status: int, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
