"""The whole story on a CPU: draw, ingest, check, train, evaluate, merge, serve, ask.

Each step is a verb of the command line, shown as a user would type it and run just so; what this
module adds is the drawing of the documents, the asking of the server, and the summary.
"""

import base64
import contextlib
import logging
import statistics
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightwright import canonical, jsonl, logs
from sightwright.demo.story import Story
from sightwright.draw.corpus import Drawn, draw_corpus
from sightwright.draw.schemas import schema_of
from sightwright.draw.templates import NEW_TEMPLATE
from sightwright.shipped import shipped

# Pages of 256 x 256 points become 256 x 256 px, 64 image tokens, as the tiny model was taught.
MAX_PIXELS = 256 * 256
PROMPT = "Extract the document as JSON."
# What the demo promises of the tuned model on documents it has not seen.
MIN_TUNED_F1, MIN_GAIN = 0.90, 0.30


@dataclass(kw_only=True)
class Tour(Story):
    """One run of the demo: so many documents, drawn, split and learnt by one seed."""

    documents: int
    seed: int

    def run(self, *, overwrite: bool) -> dict[str, Any]:
        """Go the whole way; returns the summary that is also written to `summary.json`.

        Raises:
            DataError: `out` holds something already, and `overwrite` is not given.
        """
        started = time.monotonic()
        self.begin("documents", overwrite=overwrite)
        drawn = self._draw()
        self._make_records()
        base = self._evaluate("base", [])
        checkpoint = self._train()
        tuned = self._evaluate("tuned", ["--adapters", str(checkpoint)])
        self.verb("merge", ["merge", "--adapters", str(checkpoint), "--out", self.path("merged")])
        answers = self._serve_and_ask(self._held_out(drawn))
        summary = {
            "documents": self.documents,
            "seed": self.seed,
            "base": _scores(base),
            "tuned": _scores(tuned),
            "parity": self.read("merged", "sightwright.json")["parity"],
            "service": answers,
        }
        summary["kept"] = _promise_kept(summary)
        return self.finish(summary, started)

    def _draw(self) -> list[Drawn]:
        with self.step("draw", f"draw {self.documents} PDFs of {NEW_TEMPLATE}, a new template"):
            # Seeds of different runs do not overlap: each has documents of its own.
            first = self.seed * 1_000_000
            drawn = draw_corpus(NEW_TEMPLATE, self.documents, first, self.out / "documents")
            canonical.write_json(self.out / "kiosk.schema.json", schema_of(NEW_TEMPLATE))
        return drawn

    def _make_records(self) -> None:
        pages, records = self.path("pages"), self.path("records.jsonl")
        documents, schema = self.path("documents"), self.path("kiosk.schema.json")
        self.verb(
            "ingest",
            ["ingest", "pdf", documents, "--out", pages, "--max-pixels", str(MAX_PIXELS)],
        )
        labels = ["ingest", "labels", "--pages", pages, "--labels", documents]
        self.verb("labels", [*labels, "--schema", schema, "--prompt", PROMPT, "--out", records])
        self.verb("validate", ["data", "validate", records, "--schema", schema])
        split = ["data", "split", records, "--out", self.path("splits")]
        self.verb("split", [*split, "--seed", str(self.seed)])

    def _evaluate(self, name: str, adapters: list[str]) -> dict[str, Any]:
        arguments = [
            "eval",
            "--model",
            "tiny",
            *adapters,
            "--data",
            self.path("splits/test.jsonl"),
        ]
        arguments += ["--schema", self.path("kiosk.schema.json")]
        arguments += ["--max-pixels", str(MAX_PIXELS), "--out", self.path("evaluation", name)]
        self.verb(f"eval {name}", arguments)
        return self.read("evaluation", name, "report.json")

    def _train(self) -> Path:
        config = self.out / "train.yaml"
        splits = (self.out / "splits").resolve()
        settings = {
            "extends": str(shipped("configs/demo/extract.yaml")),
            "task": {"json_schema": str((self.out / "kiosk.schema.json").resolve())},
            "custom": {
                "train_jsonl": str(splits / "train.jsonl"),
                "val_jsonl": str(splits / "val.jsonl"),
            },
            "training": {
                "output_dir": str((self.out / "training").resolve()),
                "run_name": "demo",
                "seed": self.seed,
            },
        }
        # JSON is YAML, and every path in it is quoted.
        canonical.write_json(config, settings)
        self.verb("train", ["train", "--config", str(config)])
        run = self.read("training", "demo", "run.json")
        return self.out / "training" / "demo" / run["best_checkpoint"]

    def _held_out(self, drawn: list[Drawn]) -> list[Drawn]:
        by_id = {document.id: document for document in drawn}
        records = jsonl.read_values(self.out / "splits" / "test.jsonl")
        return [by_id[value["id"]] for _, value in records]

    def _serve_and_ask(self, held_out: list[Drawn]) -> dict[str, Any]:
        from sightwright.serve.running import running_server
        from sightwright.serve.service import service_of

        title = f"sightwright serve --model {self.path('merged')}"
        with self.step("serve", title), _without_request_lines():
            service = service_of(self.out / "merged")
            with running_server(service) as url:
                return ask(url, held_out, schema_of(NEW_TEMPLATE))


@contextlib.contextmanager
def _without_request_lines() -> Generator[None]:
    """The server logs a line a request; the tour shows them as one bar."""
    logger = logs.get_logger("sightwright.serve")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def ask(url: str, held_out: list[Drawn], schema: dict[str, Any]) -> dict[str, Any]:
    """Send every held-out PDF to the server through the official openai client, one at a time.

    Returns the first answer and the latency over all of them, in seconds.
    """
    from openai import OpenAI

    client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    response_format: Any = {
        "type": "json_schema",
        "json_schema": {"name": "kiosk", "strict": True, "schema": schema},
    }
    seconds: list[float] = []
    answers: list[Any] = []
    for document in logs.progress(held_out, "ask"):
        started = time.perf_counter()
        completion = client.chat.completions.create(
            model=model, messages=[_question(document.pdf)], response_format=response_format
        )
        seconds.append(time.perf_counter() - started)
        answers.append(canonical.loads(completion.choices[0].message.content or "null"))
    return {
        "asked": held_out[0].pdf.name,
        "answer": answers[0],
        "gold": held_out[0].label,
        "requests": len(seconds),
        "p50_seconds": round(statistics.median(seconds), 3),
        "max_seconds": round(max(seconds), 3),
    }


def _question(pdf: Path) -> Any:
    data = base64.b64encode(pdf.read_bytes()).decode("ascii")
    file = {"filename": pdf.name, "file_data": f"data:application/pdf;base64,{data}"}
    return {
        "role": "user",
        "content": [{"type": "file", "file": file}, {"type": "text", "text": PROMPT}],
    }


def _scores(report: dict[str, Any]) -> dict[str, Any]:
    return {
        "micro_f1": report["micro"]["f1"],
        "micro_f1_interval_95": report["intervals_95"].get("micro_f1"),
        "document_exact": report["document_exact"],
        "json_valid": report["json_valid"],
        "documents": report["documents"],
    }


def _promise_kept(summary: dict[str, Any]) -> bool:
    base, tuned = summary["base"], summary["tuned"]
    return (
        tuned["micro_f1"] >= MIN_TUNED_F1
        and tuned["micro_f1"] - base["micro_f1"] >= MIN_GAIN
        and tuned["json_valid"] == 1.0
    )


def print_summary(summary: dict[str, Any]) -> None:
    """What a reader wants at the end: an answer, the scores, the latency, and where it all lies."""
    from rich.table import Table

    console = logs.console()
    service, folder = summary["service"], summary["folder"]
    console.print(f"\n{service['asked']}, held out, read through /v1/chat/completions:")
    console.print_json(canonical.dumps(service["answer"]), indent=None)
    console.print("its label:")
    console.print_json(canonical.dumps(service["gold"]), indent=None)

    table = Table(title=f"{summary['tuned']['documents']} held-out documents", title_justify="left")
    for column in ("", "micro F1", "95 % interval", "exact documents", "valid JSON"):
        table.add_column(column, justify="left" if not column else "right")
    for name in ("base", "tuned"):
        scores = summary[name]
        low, high = scores["micro_f1_interval_95"]
        table.add_row(
            name,
            f"{scores['micro_f1']:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{scores['document_exact']:.0%}",
            f"{scores['json_valid']:.0%}",
        )
    console.print(table)
    console.print(
        f"latency of {service['requests']} requests, one at a time: "
        f"p50 {service['p50_seconds']:.3f} s, slowest {service['max_seconds']:.3f} s"
    )
    for name in ("documents", "pages", "splits", "training/demo", "evaluation", "merged"):
        console.print(f"{name:<15} {folder}/{name}")
    seconds = summary["seconds"]["all"]
    verdict = "kept" if summary["kept"] else "NOT kept"
    console.print(
        f"promise (tuned F1 at least {MIN_TUNED_F1:.2f}, {MIN_GAIN:.2f} above the base, "
        f"all answers JSON): {verdict} · {seconds:.0f} s in all · {folder}/summary.json"
    )
