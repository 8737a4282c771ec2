"""How the inspection tasks ask: a system turn and a question for each template.

    prompt_of("summary_bbu", header_format="<DOMAIN={domain}>, <TASK={task}>").user

The texts follow the run: whether an answer begins with a header line, on which grid coordinates
are written, and how objects are ordered. The dense and summary prompts are Chinese, those of the
auxiliary sets English.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sightwright.errors import ConfigError
from sightwright.geometry import Ordering
from sightwright.metrics.header import TaskWord, header_line
from sightwright.records import ImageRef, Message, Text
from sightwright.tasks import prompt_texts as texts
from sightwright.tasks.domains import DOMAINS, Domain
from sightwright.tasks.extract import Order
from sightwright.tasks.prompt_texts import Norm

Template = Literal[
    "target_dense",
    "target_dense_bbu",
    "target_dense_rru",
    "source_dense",
    "summary",
    "summary_bbu",
    "summary_rru",
    "chatml",
]
TEMPLATES: tuple[Template, ...] = get_args(Template)


@dataclass(frozen=True)
class Prompt:
    """What is asked: the system turn (None for none) and the text beside the image."""

    system: str | None
    user: str

    def messages(self, images: Sequence[str], order: Order) -> tuple[Message, ...]:
        """What is sent for these images: a system turn, if there is one, and one question."""
        refs, text = tuple(map(ImageRef, images)), Text(self.user)
        question = Message("user", (*refs, text) if order == "image_first" else (text, *refs))
        if self.system is None:
            return (question,)
        return (Message("system", (Text(self.system),)), question)


# A dialogue asks in its own words.
NO_PROMPT = Prompt(None, "")
VERDICT_PROMPT = Prompt(texts.VERDICT_SYSTEM, texts.VERDICT_USER)


def prompt_of(
    template: str,
    *,
    header_format: str | None = None,
    norm: Norm = "norm1000",
    ordering: Ordering = "reference_point",
) -> Prompt:
    """The prompt of a template.

    Args:
        template: one of `TEMPLATES`.
        header_format: of the answer's first line, with `{domain}` and `{task}`; None where answers
            have none. `source_dense` and `chatml` never have one.
        norm: the grid of the coordinates in the answer.
        ordering: by which point objects are sorted.

    Raises:
        ConfigError: no such template.
    """
    name = template_named(template)
    match name:
        case "target_dense" | "target_dense_bbu" | "target_dense_rru":
            return _dense(_domains(name), header_format, norm, ordering)
        case "source_dense":
            return _source(norm, ordering)
        case "summary" | "summary_bbu" | "summary_rru":
            return _summary(_domains(name), header_format)
        case "chatml":
            return NO_PROMPT


def template_named(name: object) -> Template:
    """A name as a template.

    Raises:
        ConfigError: no such template; lists those there are.
    """
    if name in TEMPLATES:
        return name
    raise ConfigError(
        f"there is no prompt template {name!r}", remedy=f"name one of {', '.join(TEMPLATES)}"
    )


def domain_of(template: Template) -> Domain | None:
    """The domain that a template is for; None where it serves both, or neither."""
    domains = _domains(template)
    return domains[0] if len(domains) == 1 else None


def _domains(template: Template) -> tuple[Domain, ...]:
    named = tuple(each for each in DOMAINS.values() if template.endswith(f"_{each.name}"))
    return named or tuple(DOMAINS.values())


def _dense(
    domains: Sequence[Domain], header_format: str | None, norm: Norm, ordering: Ordering
) -> Prompt:
    header, others = _headers(domains, header_format, "DETECTION")
    rules = [
        texts.dense_output(header, others),
        texts.DENSE_JSON,
        texts.ORDERS[ordering],
        texts.EVIDENCE,
        texts.GEOMETRY,
        texts.GRIDS[norm],
        texts.KEYS,
        texts.DESC,
        texts.OCR,
    ]
    parts = [texts.DENSE_ROLE, _listed("规则：", rules)]
    for domain in domains:
        parts.append(texts.vocabulary(domain))
        parts.append(_listed(f"{domain.token} 的先验知识：", texts.DENSE_PRIORS[domain.name]))
    user = (texts.DENSE_USER, texts.DENSE_USER_GRIDS[norm], texts.two_lines(header))
    return Prompt("\n\n".join(parts), "".join(user))


def _summary(domains: Sequence[Domain], header_format: str | None) -> Prompt:
    header, others = _headers(domains, header_format, "SUMMARY")
    extras = [texts.SUMMARY_EXTRAS[domain.name] for domain in domains]
    if len(domains) > 1:
        extras = [f"{d.token}：{text}" for d, text in zip(domains, extras, strict=True)]
    rules = [
        texts.SUMMARY_IRRELEVANT,
        texts.summary_output(header, others),
        texts.summary_keys(domains),
        texts.SUMMARY_COUNTS,
        *extras,
        texts.SUMMARY_JSON,
        texts.SUMMARY_BANS,
        texts.EVIDENCE,
    ]
    parts = [texts.SUMMARY_ROLE, _listed("规则：", rules), *map(texts.vocabulary, domains)]
    return Prompt("\n\n".join(parts), texts.SUMMARY_USER)


def _source(norm: Norm, ordering: Ordering) -> Prompt:
    sentences = (
        texts.SOURCE_ROLE,
        texts.SOURCE_OUTPUT,
        texts.SOURCE_DESC,
        texts.SOURCE_GEOMETRY,
        texts.SOURCE_GRIDS[norm],
        texts.SOURCE_ORDERS[ordering],
    )
    return Prompt("\n".join(sentences), texts.SOURCE_USER)


def _headers(
    domains: Sequence[Domain], header_format: str | None, task: TaskWord
) -> tuple[str | None, tuple[str, ...]]:
    """The header line, and what else it may be where the picture decides on the domain."""
    if header_format is None:
        return None, ()
    first, *others = (header_line(header_format, domain.token, task) for domain in domains)
    return first, tuple(others)


def _listed(title: str, rules: Sequence[str]) -> str:
    return "\n".join((title, *(f"{number}. {rule}" for number, rule in enumerate(rules, start=1))))
