"""Images that are there twice: in two splits, or under two names within one."""

from collections.abc import Iterator

import numpy as np

from sightwright.doctor.corpus import Corpus, Ints
from sightwright.doctor.finding import Finding, Severity, Subject

_ACROSS = "keep the copies in one split: `sightwright data split` of all records together"
_WITHIN = "keep one of the copies, unless it is meant to weigh more"


def check_copies(corpus: Corpus) -> Iterator[Finding]:
    """Exact and near copies, one finding an image.

    Across splits the first page of a document, or a photograph, is an error; another page a
    warning. Within a split only first pages count (terms are printed on every back), and only
    copies under another name: the same file in two records is two questions about it.
    """
    copies, exact = corpus.copies, corpus.exact
    if not len(copies):
        return
    splits = corpus.split[corpus.image_record]
    order = np.argsort(copies, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(copies[order])) + 1):
        if len(members) > 1:
            yield from _of_a_group(corpus, np.sort(members), splits, exact)


def _of_a_group(corpus: Corpus, members: Ints, splits: Ints, exact: Ints) -> Iterator[Finding]:
    # Of each split the first; what is in the first of them is what the others are copies of.
    images: list[int] = members.tolist()
    first_of = {int(splits[image]): image for image in reversed(images)}
    named: set[tuple[int, int]] = set()
    for image in images:
        split = int(splits[image])
        others = [other for of, other in first_of.items() if of != split and other < image]
        name = (split, corpus.images.reference[image])
        is_new = name not in named
        named.add(name)
        if others:
            yield _finding(corpus, image, min(others), exact, across=True)
        elif is_new and image != first_of[split] and not corpus.images.place[image]:
            yield _finding(corpus, image, first_of[split], exact, across=False)


def _finding(corpus: Corpus, image: int, other: int, exact: Ints, *, across: bool) -> Finding:
    here, there = corpus.images.record[image], corpus.images.record[other]
    place, other_place = corpus.images.place[image], corpus.images.place[other]
    severity: Severity = "error" if across and place == 0 else "warning"
    if exact[image] == exact[other]:
        kind = "the same file as"
    else:
        alike = float(corpus.cosine(np.array([image]), np.array([other]))[0])
        kind = f"nearly the same picture ({alike:.1%} alike) as"
    page = f"image {place + 1}: " if place else ""
    at = f"image {other_place + 1} of " if other_place else ""
    what = f"{page}{kind} {at}{corpus.where(there)}"
    if across:
        what += f": in {corpus.split_name(here)} and in {corpus.split_name(there)}"
    subjects = (Subject(here, place), Subject(there, other_place))
    return corpus.finding("copies", severity, what, _ACROSS if across else _WITHIN, *subjects)
