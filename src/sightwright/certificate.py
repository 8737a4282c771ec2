"""What a checkpoint or an export says of itself, in `sightwright.json` beside its weights.

Whoever evaluates, merges or serves the folder later asks as training asked: same pixels, same
prompt, same schema. The parity figures say how far the weights are from those that were trained.
"""

import hashlib
from dataclasses import field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from sightwright import canonical
from sightwright.errors import ModelError
from sightwright.schema import DocumentSchema, Node, compile_schema

FILE_NAME = "sightwright.json"
VERSION = 1

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Pixels:
    """The pixel policy: area of an image in pixels, both ends included."""

    min_pixels: int
    max_pixels: int

    def __post_init__(self) -> None:
        if not 0 < self.min_pixels <= self.max_pixels:
            raise ValueError(f"{self.min_pixels=} and {self.max_pixels=} leave no size")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class StoredSchema:
    """A document schema on disk: canonical, with the rules for comparing and merging written out.

    Attributes:
        name: the schema's name, as `invoice`.
        schema: a JSON Schema that compiles to the same tree it was made from.
    """

    name: str
    schema: dict[str, Any]

    @classmethod
    def of(cls, document: DocumentSchema) -> "StoredSchema":
        return cls(name=document.name, schema=_with_rules(document.root))

    def compiled(self) -> DocumentSchema:
        """The schema again, equal to the one given to `of`.

        Raises:
            SchemaError: the stored schema was edited into one that cannot be honoured.
        """
        return compile_schema(self.schema, self.name)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Inspection:
    """How a model of photographs is asked, and how its answers are read.

    Attributes:
        system: the turn before the question; None for none.
        header_format: of every answer's first line, with `{domain}` and `{task}`; None for none.
        norm: grid of the coordinates in the text.
        ordering: by which point objects are sorted.
        domain: whose vocabulary it was; None for any other.
    """

    system: str | None
    header_format: str | None
    norm: Literal["norm1000", "norm100", "none"]
    ordering: Literal["reference_point", "center"]
    domain: Literal["bbu", "rru"] | None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Task:
    """What the model was taught to do. `json_schema` is None where answers are free text,
    `inspection` where they are not about photographs."""

    type: Literal["extract", "dense", "summary", "verdict", "chat"]
    prompt: str
    order: Literal["image_first", "instruction_first"]
    json_schema: StoredSchema | None
    prompt_has_schema: bool
    max_output_tokens: int
    inspection: Inspection | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Parity:
    """How far two sets of weights are apart, over the logits of `num_cases` inputs.

    Attributes:
        compared: what against what.
        dtype: the precision both ran in.
        num_cases, num_positions: inputs, and token positions over all of them.
        max_abs, mean_abs: difference of logits.
        top1_agreement: share of positions where both choose the same token.
        limit: the largest `max_abs` that was accepted; None where there is none for the dtype.
        inputs: where the inputs came from.
    """

    compared: str
    dtype: str
    num_cases: int
    num_positions: int
    max_abs: float
    mean_abs: float
    top1_agreement: float
    limit: float | None
    inputs: str


Knots = tuple[tuple[float, float], ...]
"""Points (confidence as told, share that is right), rising in both; straight lines between."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Calibration:
    """How far the model's confidences can be trusted, as `sightwright calibrate` found.

    Attributes:
        schema_name, schema_digest: of the schema (`digest_of`) whose values were judged.
        pooled: for every field without knots of its own; per_field: `lines[].price` → knots.
        threshold: calibrated confidence below which a value is to be looked at; None where no
            threshold keeps the target.
        target_risk: largest share of wrong values among those accepted.
        coverage, risk: share of the hold-out that the threshold accepts, and what of it is wrong.
        risk_bound: one-sided 95 % bound on `risk`.
        ece_before, ece_after: expected calibration error, the second on documents not fitted on.
        num_cases, num_wrong, num_documents: the hold-out's size.
        data, data_digest: file name and SHA-256 of the evaluated records, where it was there.
        base_model, adapter_digest: the weights that were evaluated; the digest is the SHA-256 of
            the adapter's file, also of one that was merged in.
    """

    schema_name: str
    schema_digest: str
    pooled: Knots
    per_field: dict[str, Knots]
    threshold: float | None
    target_risk: float
    coverage: float | None
    risk: float | None
    risk_bound: float | None
    ece_before: float
    ece_after: float
    num_cases: int
    num_wrong: int
    num_documents: int
    data: str
    data_digest: str | None
    base_model: str
    adapter_digest: str | None

    def __post_init__(self) -> None:
        for name, knots in {"pooled": self.pooled, **self.per_field}.items():
            told, right = [x for x, _ in knots], [y for _, y in knots]
            rises = told == sorted(set(told)) and right == sorted(right)
            if not knots or not rises or not all(0 <= y <= 1 for y in (*told, *right)):
                raise ValueError(f"the knots of {name!r} do not rise from 0 to 1")

    def is_for(self, schema: DocumentSchema) -> bool:
        """Whether it was fitted on documents of this schema."""
        return self.schema_digest == digest_of(schema)


def digest_of(schema: DocumentSchema) -> str:
    """SHA-256 of the canonical JSON Schema."""
    return hashlib.sha256(canonical.dumps(schema.json_schema).encode()).hexdigest()


def _created_by() -> str:
    try:
        return f"sightwright {metadata.version('sightwright')}"
    except metadata.PackageNotFoundError:
        return "sightwright (not installed)"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Certificate:
    """See the module.

    Attributes:
        base_model: a hub id, a folder or "tiny", as the run named it.
        adapter_digest: SHA-256 of the adapter's file that was merged in; None where none was.
    """

    base_model: str
    pixels: Pixels | None
    task: Task | None
    parity: tuple[Parity, ...] = ()
    calibration: Calibration | None = None
    adapter_digest: str | None = None
    created_by: str = field(default_factory=_created_by)
    version: int = VERSION


_FORM = TypeAdapter(Certificate)
_CALIBRATION_FORM = TypeAdapter(Calibration)


def write(folder: Path, certificate: Certificate) -> Path:
    """Write the certificate of `folder`, atomically. Returns the file."""
    path = folder / FILE_NAME
    canonical.write_json(path, _FORM.dump_python(certificate, mode="json"))
    return path


def read(folder: Path) -> Certificate | None:
    """The certificate of `folder`, or None where there is none (a checkpoint from elsewhere).

    Raises:
        ModelError: a file that is not a certificate of this version; it is named.
    """
    path = folder / FILE_NAME
    try:
        data = path.read_bytes()
        value = canonical.loads(data)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelError(f"not JSON: {error}", where=str(path)) from None
    _check_version(value, path)
    try:
        return _FORM.validate_json(data)
    except ValidationError as error:
        raise ModelError(f"not a certificate: {_problems(error)}", where=str(path)) from None


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration as a file of its own, atomically."""
    canonical.write_json(path, _CALIBRATION_FORM.dump_python(calibration, mode="json"))


def read_calibration(path: Path) -> Calibration:
    """Read what `write_calibration` wrote.

    Raises:
        ModelError: no such file, or another one.
    """
    try:
        return _CALIBRATION_FORM.validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValidationError as error:
        raise ModelError(f"not a calibration: {_problems(error)}", where=str(path)) from None


def _problems(error: ValidationError) -> str:
    lines = [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    ]
    return "; ".join(lines)


def _check_version(value: object, path: Path) -> None:
    found = cast("dict[str, object]", value).get("version") if isinstance(value, dict) else None
    if found != VERSION:
        raise ModelError(
            f"a certificate of version {found!r}; this Sightwright reads version {VERSION}",
            where=str(path),
            remedy="use the Sightwright that wrote the folder, or write it again with this one",
        )


def _with_rules(node: Node) -> dict[str, Any]:
    """The canonical schema of `node` with `x-merge` and `x-normalise`, which it leaves out."""
    body = {**node.schema, "x-merge": node.merge}
    if node.kind == "scalar":
        body["x-normalise"] = node.normalise
    if node.properties:
        body["properties"] = {key: _with_rules(child) for key, child in node.properties.items()}
    if node.items is not None:
        body["items"] = _with_rules(node.items)
    return body
