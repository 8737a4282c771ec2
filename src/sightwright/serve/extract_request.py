"""What `POST /v1/extract` is asked: files, a schema by name or brought along, the output limit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from fastapi import Request
from starlette.datastructures import UploadFile

from sightwright import canonical
from sightwright.errors import RefusedError
from sightwright.serve.bodies import content_type, json_object, refuse_unknown, whole_number
from sightwright.serve.pictures import Attachments
from sightwright.serve.response_format import brought_schema
from sightwright.serve.service import Service
from sightwright.tasks.extract import ExtractTask

_FIELDS = ("file", "schema", "json_schema", "max_tokens")
# Of a form's fields that are no file; a schema is the largest.
_MAX_FIELD_BYTES = 256 * 1024
# Python itself refuses to read a number of thousands of digits.
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True)
class ExtractRequest:
    """A document to be read."""

    files: tuple[bytes, ...]
    task: ExtractTask
    max_tokens: int


async def read_extract_request(request: Request, service: Service) -> ExtractRequest:
    """Read a form or a JSON object.

    Raises:
        RefusedError: 400 with the field's name; 404 no such schema; 415 another content type.
        SchemaError: a schema that cannot be honoured.
    """
    if content_type(request) == "multipart/form-data":
        files, fields = await _form(request)
    else:
        fields = await json_object(request)
        refuse_unknown(fields, _FIELDS, "the body")
        files = await _files(fields.get("file"), service)
    return ExtractRequest(
        files=tuple(files),
        task=_task(fields.get("schema"), fields.get("json_schema"), service),
        max_tokens=_max_tokens(fields.get("max_tokens"), service),
    )


def _task(name: object, brought: object, service: Service) -> ExtractTask:
    if name is not None and brought is not None:
        raise RefusedError("'schema' names one and 'json_schema' brings one: not both", status=400)
    if brought is not None:
        schema = brought_schema(_named(brought), "json_schema")
        # Whatever is read, it is asked for as the model was taught to be asked.
        taught = next(iter(service.tasks.values()), None)
        return replace(taught, schema=schema) if taught else ExtractTask(schema)
    if not service.tasks and name is None:
        raise RefusedError(
            "this model was taught no extraction, and no schema was given",
            status=404,
            remedy="start the server with --schema, or send one as 'json_schema'",
        )
    known = ", ".join(service.tasks)
    if name is None:
        if service.task is None:
            raise RefusedError(f"'schema' must name one of {known}", status=400)
        return service.task
    if not isinstance(name, str) or name not in service.tasks:
        raise RefusedError(
            f"no schema {name!r} here", status=404, remedy=f"known: {known or 'none'}"
        )
    return service.tasks[name]


def _named(brought: object) -> object:
    """A bare JSON Schema is taken too, under a name of ours."""
    if isinstance(brought, Mapping) and "schema" not in brought:
        return {"name": "request", "schema": cast("Mapping[str, Any]", brought)}
    return cast("object", brought)


def _max_tokens(value: object, service: Service) -> int:
    if value is None:
        return service.output_tokens
    return whole_number(value, "max_tokens", low=1, high=service.limits.max_output_tokens)


async def _files(urls: object, service: Service) -> list[bytes]:
    listed = cast("list[object]", urls) if isinstance(urls, list) else [urls]
    if len(listed) > (most := service.limits.max_pages):
        raise RefusedError(f"{len(listed)} pages, over the limit of {most}", status=413)
    attachments = Attachments(service)
    return [
        await attachments.read(_text(url), f"file {number}") for number, url in enumerate(listed, 1)
    ]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError("'file' is a data URL, an http(s) URL, or a list of them", status=400)
    return value


async def _form(request: Request) -> tuple[list[bytes], dict[str, Any]]:
    async with request.form(max_fields=len(_FIELDS), max_part_size=_MAX_FIELD_BYTES) as form:
        refuse_unknown(form.keys(), _FIELDS, "the form")
        if repeated := [name for name in _FIELDS[1:] if len(form.getlist(name)) > 1]:
            raise RefusedError(f"given more than once: {', '.join(repeated)}", status=400)
        files: list[bytes] = []
        for part in form.getlist("file"):
            if not isinstance(part, UploadFile):
                raise RefusedError(
                    "'file' is a file, not text", status=400, remedy="curl: --form file=@page.pdf"
                )
            files.append(await part.read())
        fields: dict[str, Any] = {name: form.get(name) for name in _FIELDS[1:]}
    limit = fields["max_tokens"]
    if isinstance(limit, str) and _NUMBER.fullmatch(limit):
        fields["max_tokens"] = int(limit)
    if (schema := fields["json_schema"]) is not None:
        fields["json_schema"] = _json(schema)
    return files, fields


def _json(text: object) -> object:
    if not isinstance(text, str):
        raise RefusedError("'json_schema' is text, not a file", status=400)
    try:
        return canonical.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"json_schema is not JSON: {error}", status=400) from None
