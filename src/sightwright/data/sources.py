"""Which data set a record is of, in the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from sightwright.config.fusion import Domain, Fusion
from sightwright.config.schema import Config
from sightwright.config.sections.custom import TokenTypeMetrics


@dataclass(frozen=True)
class Source:
    """
    Attributes:
        name: that its loss and accuracy are logged under, as `bbu_loss`; "" where a run has one
            data set without a name, whose loss is the run's.
        is_typed: whether accuracy is told apart by kind of token.
    """

    name: str = ""
    is_typed: bool = False


def sources_of(config: Config, fusion: Fusion | None = None) -> dict[str, Source]:
    """Every data set of a run by its name, in the order of the mixture."""
    metrics = config.custom.token_type_metrics
    if fusion is None:
        name = config.custom.dataset_name or ""
        return {name: Source(name, _is_typed(metrics, name, "target"))}
    return {
        name: Source(name, _is_typed(metrics, name, domain))
        for name, domain in fusion.dataset_domains.items()
    }


def _is_typed(metrics: TokenTypeMetrics | None, name: str, domain: Domain) -> bool:
    """`include` and `exclude` name data sets, or all targets or all sources at once."""
    if metrics is None or not metrics.enabled:
        return False
    called = {name.lower(), domain}
    return _names(metrics.include, called) and not _names(metrics.exclude, called)


def _names(listed: Sequence[str], called: set[str]) -> bool:
    return any(name.lower() in called for name in listed)
