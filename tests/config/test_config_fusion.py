"""The mixture file: what it may hold, what follows from it, and every mistake at its line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from sightwright.config.fusion import IRRELEVANT, Fusion, Template, load_fusion
from sightwright.errors import ConfigError
from sightwright.tasks.irrelevant import IRRELEVANT_DATASET
from sightwright.tasks.prompts import TEMPLATES

Write = Callable[..., Path]

BBU = "{name: bbu, train_jsonl: bbu.jsonl, template: target_dense_bbu}"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def write_one(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_one


@pytest.fixture
def load(write: Write) -> Callable[[str], Fusion]:
    return lambda text: load_fusion(write("mix.yaml", text))


@pytest.fixture
def mistakes(write: Write) -> Callable[[str], list[str]]:
    def told(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_fusion(write("mix.yaml", text))
        lines = str(caught.value).splitlines()
        return [line.strip() for line in lines if "problems in the configuration" not in line]

    return told


def test_the_prompt_templates_are_those_of_the_prompts() -> None:
    assert get_args(Template) == TEMPLATES
    assert IRRELEVANT == IRRELEVANT_DATASET


def test_a_target_of_photographs_is_augmented_and_uncapped(load: Callable[[str], Fusion]) -> None:
    # F6.
    (bbu,) = load(f"targets: [{BBU}]\n").sets
    assert (bbu.name, bbu.kind, bbu.domain, bbu.learns, bbu.ratio) == (
        "bbu", "bbu", "target", "dense", 1.0,
    )  # fmt: skip
    assert (bbu.augmentation, bbu.curriculum, bbu.max_objects) == (True, True, None)
    assert (bbu.domain_token, bbu.writes_header) == ("BBU", True)
    assert (bbu.val_jsonl, bbu.poly_max_points, bbu.seed) == (None, None, 0)


@pytest.mark.parametrize("kind", ["coco", "objects365", "lvis", "flickr3k"])
def test_a_source_is_clean_and_capped_at_64(load: Callable[[str], Fusion], kind: str) -> None:
    # F6.
    entry = f"{{dataset: {kind}, train_jsonl: a.jsonl, template: source_dense, ratio: 0.1}}"
    source = load(f"targets: [{BBU}]\nsources: [{entry}]\n").sources[0]
    assert (source.name, source.kind, source.domain) == (kind, kind, "source")
    assert (source.augmentation, source.curriculum, source.max_objects) == (False, False, 64)
    assert (source.domain_token, source.writes_header) == (None, False)


def test_conversations_are_neither_augmented_nor_capped(load: Callable[[str], Fusion]) -> None:
    # F6; also among the targets.
    chat = "{name: lang_chat, dataset: chat, train_jsonl: c.jsonl, template: chatml, ratio: 0.1}"
    for section in (f"targets: [{BBU}, {chat}]\n", f"targets: [{BBU}]\nsources: [{chat}]\n"):
        found = load(section).sets[1]
        assert (found.learns, found.augmentation, found.max_objects) == ("chat", False, None)


def test_the_section_decides_on_the_domain(load: Callable[[str], Fusion]) -> None:
    # F16, X17: equipment among the sources is a source; conversations among the targets a target.
    fusion = load(
        "targets:\n"
        "  - {name: talk, dataset: chat, train_jsonl: c.jsonl, template: chatml}\n"
        "sources:\n"
        "  - {name: more, dataset: bbu, train_jsonl: b, template: target_dense_bbu, ratio: 1}\n"
    )
    talk, more = fusion.sets
    assert (talk.domain, more.domain) == ("target", "source")
    assert (more.writes_header, more.max_objects, more.augmentation) == (False, 64, False)
    assert (more.domain_token, talk.domain_token) == ("BBU", None)
    assert not talk.writes_header


def test_what_the_file_says_of_augmentation_and_caps_holds(load: Callable[[str], Fusion]) -> None:
    # F13, X15; F15.
    fusion = load(
        "targets:\n"
        "  - name: rru\n    train_jsonl: r.jsonl\n    template: target_dense_rru\n"
        "    max_objects_per_image: 30\n    curriculum_enabled: false\n"
        "sources:\n"
        "  - name: lvis\n    train_jsonl: l.jsonl\n    template: source_dense\n    ratio: 0.1\n"
        "    augmentation_enabled: true\n    max_objects_per_image: 20\n"
        "    poly_fallback: bbox_2d\n    poly_max_points: 12\n"
    )
    rru, lvis = fusion.sets
    assert (rru.max_objects, rru.augmentation, rru.curriculum) == (30, True, False)
    assert (lvis.max_objects, lvis.augmentation, lvis.curriculum) == (20, True, True)
    assert lvis.poly_max_points == 12
    assert fusion.notes == ()


def test_the_older_spellings(load: Callable[[str], Fusion]) -> None:
    # F2, F3: one `target`, keys under `params`, `use_summary`, `sources` left empty.
    fusion = load(
        "target:\n"
        "  name: bbu_summary\n"
        "  params:\n"
        "    dataset: bbu\n    train_jsonl: b.jsonl\n    template: summary_bbu\n"
        "    use_summary: true\n    seed: 5\n    sample_without_replacement: true\n"
        "sources:\n"
    )
    (target,) = fusion.sets
    assert (target.name, target.kind, target.learns) == ("bbu_summary", "bbu", "summary")
    assert (target.seed, target.sample_without_replacement) == (5, True)
    assert fusion.sources == ()


def test_json_is_read_too(write: Write) -> None:
    # F1.
    target = {"dataset": "bbu", "train_jsonl": "b.jsonl", "template": "summary_bbu", "ratio": 2}
    path = write("mix.json", json.dumps({"targets": [target], "sources": []}))
    assert load_fusion(path).targets[0].ratio == 2


def test_paths_start_beside_the_file_that_names_them_or_else_here(write: Write) -> None:
    write("mixes/beside.jsonl", "")
    write("here.jsonl", "")
    text = "".join(
        f"  - {{name: {name}, dataset: bbu, train_jsonl: '{path}', template: target_dense}}\n"
        for name, path in (("a", "beside.jsonl"), ("b", "here.jsonl"), ("c", "deep\\none.jsonl"))
    )
    top = write("other/top.yaml", "extends: ../mixes/mix.yaml\n")
    write("mixes/mix.yaml", f"targets:\n{text}")
    for path in (top, top.parent.parent / "mixes/mix.yaml"):
        a, b, c = (each.train_jsonl for each in load_fusion(path).sets)
        assert a.resolve() == (top.parents[1] / "mixes/beside.jsonl").resolve()
        assert b.resolve() == (top.parents[1] / "here.jsonl").resolve()
        assert c.resolve() == (top.parents[1] / "mixes/deep/none.jsonl").resolve()


def test_a_file_extends_another_and_replaces_its_lists(write: Write) -> None:
    # T17.
    lvis = "{name: lvis, train_jsonl: l.jsonl, template: source_dense, ratio: 0.1}"
    write("base.yaml", f"targets: [{BBU}]\nsources: [{lvis}]\n")
    top = write("top.yaml", "extends: base.yaml\nsources: []\n")
    assert [each.name for each in load_fusion(top).sets] == ["bbu"]
    rru = "{name: rru, train_jsonl: r.jsonl, template: target_dense_rru}"
    top = write("top.yaml", f"inherit: [base.yaml]\ntarget: {rru}\n")
    assert [each.name for each in load_fusion(top).sets] == ["rru", "lvis"]


def test_a_circle_is_named(write: Write) -> None:
    # T17.
    write("a.yaml", "extends: b.yaml\n")
    with pytest.raises(ConfigError, match=r"b\.yaml -> a\.yaml -> b\.yaml"):
        load_fusion(write("b.yaml", "extends: a.yaml\n"))


def test_a_prompt_may_be_a_text_file(write: Write) -> None:
    write("mixes/ask.txt", "Name them.\n")
    entry = f"{BBU[:-1]}, user_prompt: ask.txt, system_prompt: You see cabinets.}}"
    fusion = load_fusion(write("mixes/mix.yaml", f"targets: [{entry}]\n"))
    assert (fusion.sets[0].user_prompt, fusion.sets[0].system_prompt) == (
        "Name them.", "You see cabinets.",
    )  # fmt: skip
    broken = write("mixes/mix.yaml", f"targets: [{entry.replace('ask', 'tell')}]\n")
    with pytest.raises(ConfigError, match=r"targets\[0\]\.user_prompt: cannot read tell\.txt"):
        load_fusion(broken)


def test_evaluation_is_of_targets_alone(load: Callable[[str], Fusion]) -> None:
    # F17; and a source's held-out records are said to be of no use.
    fusion = load(
        "targets:\n"
        "  - {name: bbu, train_jsonl: b, val_jsonl: bv, template: target_dense_bbu}\n"
        "  - {name: rru, train_jsonl: r, template: target_dense_rru}\n"
        "sources:\n"
        "  - {name: lvis, train_jsonl: l, val_jsonl: lv, template: source_dense, ratio: 0.1}\n"
    )
    assert [each.name for each in fusion.evaluated] == ["bbu"]
    assert fusion.notes == (
        "mix.yaml:5: sources[0].val_jsonl: has no effect: sources are not evaluated",
    )


def test_settings_without_an_effect_are_named(load: Callable[[str], Fusion]) -> None:
    fusion = load(
        "targets:\n"
        "  - {name: bbu, train_jsonl: b, template: summary_bbu, max_objects_per_image: 9}\n"
        "sources:\n"
        "  - {name: chat, train_jsonl: c, template: chatml, ratio: 1, augmentation_enabled: true,\n"
        "     user_prompt: hello}\n"
        "  - {name: lvis, train_jsonl: l, template: source_dense, ratio: 1,\n"
        "     curriculum_enabled: true}\n"
    )
    assert [note.split(": has no effect")[0] for note in fusion.notes] == [
        "mix.yaml:2: targets[0].max_objects_per_image",
        "mix.yaml:4: sources[0].augmentation_enabled",
        "mix.yaml:5: sources[0].user_prompt",
        "mix.yaml:7: sources[1].curriculum_enabled",
    ]
    assert fusion.sets[0].max_objects is None
    assert [each.curriculum for each in fusion.sets] == [True, False, False]


def test_the_conversations_mode_may_be_written_as_the_documents_do(
    load: Callable[[str], Fusion],
) -> None:
    chat = "{name: chat, train_jsonl: c, template: chatml, mode: dense, ratio: 1}"
    assert load(f"targets: [{BBU}]\nsources: [{chat}]\n").sources[0].learns == "chat"


def test_every_mistake_is_told_at_once_with_its_line(mistakes: Callable[[str], list[str]]) -> None:
    told = mistakes(
        "targets:\n"
        "  - name: bbu\n"
        "    train_jsonl: b.jsonl\n"
        "    template: target_dens_bbu\n"
        "    ratoi: 2\n"
        "  - name: bbu\n"
        "    template: target_dense_bbu\n"
        "    ratio: -1\n"
        "sources:\n"
        "  - name: lvis\n"
        "    train_jsonl: l.jsonl\n"
        "    template: source_dense\n"
        "  - name: nonesuch\n"
        "    train_jsonl: n.jsonl\n"
        "    template: source_dense\n"
        "    ratio: true\n"
        "    summary_label_grouping: true\n"
        "    params: {ratio: 1}\n"
        "sorces: []\n"
    )
    starts = (
        "mix.yaml:4: targets[0].template: must be target_dense, target_dense_bbu, ",
        "mix.yaml:5: targets[0].ratoi: unknown key (did you mean ratio?)",
        "mix.yaml:6: targets[1].name: bbu is the name of the entry on line 2 too",
        "mix.yaml:6: targets[1].train_jsonl: is required",
        "mix.yaml:8: targets[1].ratio: must be at least 0.0, found -1",
        "mix.yaml:10: sources[0].ratio: is required",
        "mix.yaml:13 (given as name): sources[1].dataset: must be bbu, rru, coco, ",
        "mix.yaml:16: sources[1].ratio: must be a number, found true",
        "mix.yaml:17: sources[1].summary_label_grouping: removed: ",
        "mix.yaml:18: sources[1].params.ratio: also given on line 16 (keep one of them)",
        "mix.yaml:19: sorces: unknown key (did you mean sources?)",
    )
    assert len(told) == len(starts), told
    for start in starts:
        assert any(line.startswith(start) for line in told), (start, told)
    assert "did you mean target_dense_bbu?" in "".join(told)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        # F7.
        ("template: summary_bbu, mode: dense", "mode: dense does not fit template: summary_bbu"),
        ("template: target_dense, mode: summary", "mode: summary does not fit"),
        ("template: target_dense, use_summary: true", "use_summary: summary does not fit"),
        ("template: summary, use_summary: true, mode: dense", "use_summary: says summary, and"),
        ("template: chatml", "template: chatml does not fit dataset: bbu"),
        ("dataset: chat, template: source_dense", "template: source_dense does not fit dataset: c"),
        ("template: none", "template: must be target_dense, "),
        ("template: null", "template: must be target_dense, "),
        ("mode: dense", "template: is required"),
        (
            "name: irrelevant_summary, dataset: bbu, template: target_dense",
            "does not fit name: irr",
        ),
        # F15.
        ("template: target_dense, poly_fallback: bbox_2d", "poly_fallback: does not say which"),
        ("template: target_dense, poly_max_points: 9", "poly_max_points: has no effect while"),
        ("template: target_dense, max_objects_per_image: 0", "must be above 0, found 0"),
        ("template: target_dense, ratio: 1e9", "ratio: must be at most 1000.0, found 1000000000.0"),
        ("template: target_dense, ratio: .inf", "ratio: must be a finite number"),
        ("template: target_dense, ratio: '1'", "ratio: must be a number, found '1' (take off the"),
        ("template: target_dense, packing: false", "packing: removed: packing is gone"),
        ("template: target_dense, params: 3", "params: unknown key"),
    ],
)
def test_an_entry_that_makes_no_sense(
    mistakes: Callable[[str], list[str]], entry: str, said: str
) -> None:
    name = "" if entry.startswith("name") else "name: bbu, "
    (told,) = mistakes(f"targets:\n  - {{{name}train_jsonl: b, {entry}}}\n")
    assert told.startswith("mix.yaml:2: targets[0].")
    assert said in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mix.yaml: targets: is required"),
        ("sources: []\n", "mix.yaml: targets: is required"),
        ("targets: []\n", "mix.yaml:1: targets: holds no entry"),
        ("targets: {name: bbu}\n", "mix.yaml:1: targets: must be a list"),
        ("targets: [bbu]\n", "mix.yaml:1: targets[0]: must be a mapping"),
        (f"targets: [{BBU}]\ntarget: {BBU}\n", "mix.yaml:2: target: also given as targets on line"),
        (
            f"targets: [{BBU.replace('bbu,', '../bbu, dataset: bbu,')}]\n",
            "targets[0].name: must be",
        ),
        (
            f"targets: [{BBU}]\nsummary_label_grouping: 1\n",
            "mix.yaml:2: summary_label_grouping: rem",
        ),
        ("targets: [\n", "not valid YAML"),
        ("- a\n", "the file must hold a mapping"),
    ],
)
def test_a_file_that_makes_no_sense(
    mistakes: Callable[[str], list[str]], text: str, said: str
) -> None:
    (told,) = mistakes(text)
    assert said in told


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_fusion(tmp_path / "none.yaml")
