import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    PreTrainedModel,
    Qwen3VLMoeConfig,
    Qwen3VLMoeForConditionalGeneration,
)

from sightwright.chat import ChatTokenizer, render
from sightwright.config.sections.tuner import Tuner
from sightwright.data.pixels import image_inputs, image_tokens
from sightwright.errors import DataError, RefusedError, SchemaError
from sightwright.infer.constrain import Grammars, is_set
from sightwright.infer.engine import Completion, Engine, Request
from sightwright.infer.transformers_engine import TransformersEngine
from sightwright.model.adapters import prepare_model
from sightwright.model.attention import attend_by_document
from sightwright.model.load import load_model
from sightwright.records import ImageRef, Message, Text
from sightwright.schema import DocumentSchema
from sightwright.vision import PixelPolicy, VisionSpec


def page(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def ask(text: str, *images: Image.Image, **settings: Any) -> Request:
    items = (*(ImageRef("page") for _ in images), Text(text))
    return Request((Message("user", items),), images, **settings)


@pytest.fixture
def engine(
    model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec
) -> TransformersEngine:
    return TransformersEngine(model, tokenizer, spec)


@pytest.fixture
def requests(invoice: DocumentSchema) -> list[Request]:
    """Unlike in length, images, limit, constraint and temperature."""
    schema = invoice.json_schema
    return [
        ask("Read the page.", page(192, 192), json_schema=schema, max_tokens=20),
        ask("Both of these, please, and in some more words.", page(64, 96), page(40, 200),
            max_tokens=14),
        ask("No page at all.", json_schema=schema, max_tokens=24),
        ask("Draw.", page(96, 64), json_schema=schema, max_tokens=12, temperature=1.5, seed=4),
        ask("!", page(32, 32), max_tokens=3, temperature=0.7, seed=9),
    ]  # fmt: skip


Scores = Callable[[Request, list[int]], torch.Tensor]


@pytest.fixture
def scores_of(model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec) -> Scores:
    """Logits of the next token by one plain forward over everything: no cache, no padding."""

    def scores(request: Request, ids: list[int]) -> torch.Tensor:
        tokens = [image_tokens(image.width, image.height, spec) for image in request.images]
        prompt = render(request.messages, tokenizer, tokens, generation_prompt=True).ids
        whole = torch.tensor([prompt + ids])
        inputs: dict[str, Any] = {"mm_token_type_ids": (whole == tokenizer.image_pad).int()}
        if request.images:
            pixels = image_inputs(request.images, spec)
            inputs |= {
                "pixel_values": pixels.pixel_values,
                "image_grid_thw": pixels.image_grid_thw,
            }
        with torch.no_grad():
            return model(input_ids=whole, use_cache=False, **inputs).logits[0, -1]

    return scores


def test_each_greedy_token_is_the_likeliest_allowed_by_a_plain_forward(
    engine: TransformersEngine,
    requests: list[Request],
    scores_of: Scores,
    grammars: Grammars,
    tokenizer: ChatTokenizer,
) -> None:
    for request in requests[:3]:
        ids, logprobs = answered(engine, request)
        matcher = grammars.compile(request.json_schema).start() if request.json_schema else None
        for index, (token, logprob) in enumerate(zip(ids, logprobs, strict=True)):
            scores = scores_of(request, ids[:index])
            if matcher is not None:
                mask = matcher.mask()
                barred = [i for i in range(len(scores)) if not is_set(mask, i)]
                scores[barred] = -torch.inf
                matcher.advance(token)
            assert int(scores.argmax()) == token
            assert scores.log_softmax(0)[token].item() == pytest.approx(logprob, abs=1e-4)


def answered(engine: TransformersEngine, request: Request) -> tuple[list[int], tuple[float, ...]]:
    """The tokens that the engine chose: its text need not encode to the same ones again."""
    chosen: list[int] = []
    decode = engine.tokenizer.decode
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.tokenizer, "decode", lambda ids: chosen.extend(ids) or decode(ids))
        completion = engine.generate([request])[0]
    return chosen, completion.logprobs


def test_a_batch_answers_as_each_request_alone(
    engine: TransformersEngine, requests: list[Request]
) -> None:
    together = engine.generate(requests)
    alone = [engine.generate([request])[0] for request in requests]
    for one, other in zip(together, alone, strict=True):
        assert (one.text, one.finish_reason) == (other.text, other.finish_reason)
        assert (one.prompt_tokens, one.completion_tokens) == (
            other.prompt_tokens,
            other.completion_tokens,
        )
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert len({completion.prompt_tokens for completion in together}) == len(requests)


def test_the_attention_of_training_answers_the_same(
    engine: TransformersEngine, requests: list[Request]
) -> None:
    expected = engine.generate(requests)
    attend_by_document(engine.model)
    for one, other in zip(engine.generate(requests), expected, strict=True):
        assert one.text == other.text
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_a_mixture_of_experts_answers_a_batch_as_each_alone(
    model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec, requests: list[Request]
) -> None:
    config = model.config.to_dict()
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
    text = config["text_config"] | experts | {"model_type": "qwen3_vl_moe_text"}
    vision = config["vision_config"] | {"model_type": "qwen3_vl_moe_vision"}
    ids = {key: value for key, value in config.items() if key.endswith("_token_id")}
    torch.manual_seed(0)
    moe = Qwen3VLMoeForConditionalGeneration(
        Qwen3VLMoeConfig(text_config=text, vision_config=vision, **ids)
    ).eval()
    engine = TransformersEngine(moe, tokenizer, spec)
    for one, request in zip(engine.generate(requests), requests, strict=True):
        alone = engine.generate([request])[0]
        assert one.text == alone.text
        assert one.logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_free_greedy_decoding_is_that_of_transformers_generate(
    engine: TransformersEngine, model: PreTrainedModel, spec: VisionSpec, tokenizer: ChatTokenizer
) -> None:
    request = ask("Read.", page(128, 64), max_tokens=24)
    prompt = render(request.messages, tokenizer, [8], generation_prompt=True).ids
    pixels = image_inputs(request.images, spec)
    ids = torch.tensor([prompt])
    generated = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == tokenizer.image_pad).int(),
        pixel_values=pixels.pixel_values,
        image_grid_thw=pixels.image_grid_thw,
        max_new_tokens=24,
        do_sample=False,
    )[0, len(prompt) :].tolist()
    assert engine.generate([request])[0].text == tokenizer.decode(generated)


def test_answers_keep_to_the_schema(
    engine: TransformersEngine, invoice: DocumentSchema, tokenizer: ChatTokenizer
) -> None:
    requests = [
        ask(f"Page {seed}", page(64, 64), json_schema=invoice.json_schema, max_tokens=200,
            temperature=1.0, seed=seed)
        for seed in range(6)
    ]  # fmt: skip
    finished = [c for c in engine.generate(requests) if c.finish_reason == "stop"]
    assert finished
    for completion in finished:
        value = json.loads(completion.text)
        assert list(value) == list(invoice.root.properties)
        assert invoice.problems(value) == []


def test_a_limit_cuts_and_says_so(engine: TransformersEngine, invoice: DocumentSchema) -> None:
    request = ask("Read.", json_schema=invoice.json_schema, max_tokens=5)
    completion = engine.generate([request])[0]
    assert (completion.finish_reason, completion.completion_tokens) == ("length", 5)
    assert len(completion.logprobs) == 5


def test_the_end_of_the_turn_stops_and_is_not_part_of_the_answer(
    model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    engine = TransformersEngine(model, tokenizer, spec)
    for end in (tokenizer.im_end, tokenizer.end_of_text):
        biased(model, {end: 100.0})
        completion = engine.generate([ask("Read.", page(32, 32))])[0]
        assert completion == Completion("", "stop", completion.prompt_tokens, 0, (), ())


def biased(model: PreTrainedModel, bias: dict[int, float]) -> None:
    """Make the model's head favour tokens, whatever it sees."""
    values = torch.zeros(model.config.text_config.vocab_size)
    for token, value in bias.items():
        values[token] = value
    model.lm_head.bias = torch.nn.Parameter(values)


def test_a_model_that_wants_to_end_at_once_still_writes_the_whole_answer(
    model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec, invoice: DocumentSchema
) -> None:
    biased(model, {tokenizer.im_end: 1000.0, tokenizer.image_pad: 2000.0})
    engine = TransformersEngine(model, tokenizer, spec)
    request = ask("Read.", json_schema=invoice.json_schema, max_tokens=400)
    completion = engine.generate([request])[0]
    if completion.finish_reason == "stop":
        assert invoice.problems(json.loads(completion.text)) == []
    assert completion.completion_tokens > 5


def test_a_draw_depends_on_its_seed_alone(
    engine: TransformersEngine, invoice: DocumentSchema
) -> None:
    state = torch.random.get_rng_state()

    def draw(seed: int, temperature: float = 2.0) -> str:
        request = ask("Read.", max_tokens=12, temperature=temperature, seed=seed)
        return engine.generate([request])[0].text

    texts = [draw(seed) for seed in range(4)]
    assert len(set(texts)) > 1 and texts == [draw(seed) for seed in range(4)]
    assert draw(1, temperature=1e-4) == engine.generate([ask("Read.", max_tokens=12)])[0].text
    # The random numbers of a training around it go on undisturbed.
    assert torch.equal(torch.random.get_rng_state(), state)


def test_draws_follow_the_probabilities_of_the_model(
    model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    # A head that knows two tokens, at odds of 3 to 1.
    with torch.no_grad():
        model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(model.lm_head.weight))
    one, other = tokenizer.encode("0")[0], tokenizer.encode("1")[0]
    biased(model, {one: 50 + float(np.log(3)), other: 50.0})
    engine = TransformersEngine(model, tokenizer, spec)
    draws = engine.generate(
        [ask("?", max_tokens=1, temperature=1.0, seed=seed) for seed in range(400)]
    )
    share = sum(draw.text == "0" for draw in draws) / 400
    assert {draw.text for draw in draws} == {"0", "1"}
    # Four standard deviations of a share of 3/4 among 400.
    assert abs(share - 0.75) < 4 * (0.75 * 0.25 / 400) ** 0.5
    expected = {"0": np.log(0.75), "1": np.log(0.25)}
    assert all(draw.logprobs[0] == pytest.approx(expected[draw.text], abs=1e-4) for draw in draws)


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning")
def test_a_model_in_training_answers_and_goes_on_training(
    model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    request = ask("Read.", page(64, 64), max_tokens=10)
    expected = TransformersEngine(model, tokenizer, spec).generate([request])[0]
    model.gradient_checkpointing_enable()
    model.config.use_cache = False
    tuned = prepare_model(model, Tuner(lora_dropout=0.5))
    tuned.train()
    tuned.get_base_model().model.visual.eval()
    modes = {name: module.training for name, module in tuned.named_modules()}
    answer = TransformersEngine(tuned, tokenizer, spec).generate([request])[0]
    # The fresh adapter adds nothing, and neither dropout nor checkpointing is at work.
    assert answer.text == expected.text
    assert answer.logprobs == pytest.approx(expected.logprobs, abs=1e-5)
    assert {name: module.training for name, module in tuned.named_modules()} == modes
    assert torch.is_grad_enabled() and all(p.grad is None for p in tuned.parameters())


def test_modes_are_restored_after_an_error_too(engine: TransformersEngine) -> None:
    engine.model.train()
    with pytest.raises(DataError):
        engine.generate([ask("Read.", max_tokens=0)])
    assert engine.model.training and torch.is_grad_enabled()


def test_images_and_places_must_agree(engine: TransformersEngine) -> None:
    message = Message("user", (ImageRef("a"), ImageRef("b"), Text("?")))
    with pytest.raises(DataError, match="2 places for images, and 1 are given"):
        engine.generate([Request((message,), (page(32, 32),))])


def test_more_than_the_model_can_hold_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(RefusedError, match="4096") as caught:
        engine.generate([ask("word " * 4000)])
    assert caught.value.status == 413
    with pytest.raises(RefusedError):
        engine.generate([ask("short", max_tokens=4096)])


def test_nothing_asked_is_nothing_answered(engine: TransformersEngine) -> None:
    assert engine.generate([]) == []


def test_a_schema_is_checked_before_any_request(
    engine: TransformersEngine, invoice: DocumentSchema
) -> None:
    engine.check_schema(invoice.json_schema)
    bad = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)"}}}
    with pytest.raises(SchemaError, match="look-ahead"):
        engine.check_schema(bad | {"required": ["a"]})


def test_an_engine_from_a_folder_with_and_without_an_adapter(
    tiny_folder: Path, tmp_path: Path
) -> None:
    tuned = prepare_model(load_model(tiny_folder, "float32", device="cpu"), Tuner(lora_dropout=0.0))
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.2)
    tuned.save_pretrained(tmp_path / "adapter")
    pixels = PixelPolicy(1024, 8 * 1024)
    plain: Engine = TransformersEngine.from_folder("tiny", device="cpu", pixels=pixels)
    adapted = TransformersEngine.from_folder(
        tiny_folder, adapters=tmp_path / "adapter", dtype="float32", device="cpu", pixels=pixels
    )
    request = ask("Read.", page(300, 300), max_tokens=8)
    one, other = plain.generate([request])[0], adapted.generate([request])[0]
    assert plain.name == adapted.name == "tiny"
    # 300x300 under a budget of eight tokens is a grid of 2x2.
    assert one.prompt_tokens == other.prompt_tokens
    assert adapted.spec.pixels == pixels
    assert one.logprobs != pytest.approx(other.logprobs, abs=1e-3)
    expected = TransformersEngine(tuned, adapted.tokenizer, adapted.spec).generate([request])[0]
    assert other == expected


@pytest.mark.parametrize("module", ["engine", "fake", "constrain", "http_engine"])
def test_what_servers_of_other_models_need_is_light(module: str) -> None:
    import subprocess

    program = (
        f"import sys, sightwright.infer.{module};"
        "assert not {'torch', 'transformers', 'peft'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_choice_is_that_of_all_processes(
    model: PreTrainedModel, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    """As when another process, which is followed, would have chosen otherwise."""
    asked: list[list[int]] = []
    (token,) = tokenizer.encode("7")

    def other(chosen: torch.Tensor) -> torch.Tensor:
        asked.append(list(chosen.shape))
        return torch.full_like(chosen, token if len(asked) < 3 else tokenizer.im_end)

    engine = TransformersEngine(model, tokenizer, spec, agree=other)
    answers = engine.generate([ask("One.", max_tokens=9), ask("Two.", max_tokens=9)])
    assert [answer.text for answer in answers] == ["77", "77"]
    assert asked == [[2, 1]] * 3
