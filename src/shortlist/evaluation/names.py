"""What metrics are called and mean, in one place: ``"ndcg@10"`` is a word of `NAMES` and a depth."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.base.errors import NotFoundError
from shortlist.base.suggest import did_you_mean


@dataclass(frozen=True)
class Name:
    """How people write a metric, and what it says in plain words."""

    title: str
    meaning: str


NAMES = {
    "ndcg": Name(
        "NDCG",
        "how many of the things a person went on to choose the list holds, and how near its top they stand: "
        "1 is a perfect list, 0 a list without any of them",
    ),
    "recall": Name("Recall", "the share of the things a person went on to choose that the list holds"),
    "precision": Name("Precision", "the share of the list that the person went on to choose"),
    "hit": Name("Hit rate", "the share of people whose list holds at least one thing they chose"),
    "map": Name("MAP", "precision, averaged over the places where something chosen stands"),
    "mrr": Name("MRR", "one over the place of the first thing chosen: 1 at the top, 0.5 if second"),
    "coverage": Name("Coverage", "the share of the catalogue that stands in at least one person's list"),
    "novelty": Name("Novelty", "how little known the listed items are, in bits: one more is half as popular"),
    "diversity": Name(
        "Diversity", "how little the items of one list have in common: 0 is all alike, 1 nothing shared"
    ),
}

HEADLINE = "ndcg@10"
STANDARD = (HEADLINE, "recall@20", "precision@10", "hit@10", "map@10", "mrr@10")


def parse(name: str) -> tuple[str, int]:
    """The word and depth of a metric's name. Raises NotFoundError for what is none."""
    word, _, depth = name.partition("@")
    if word not in NAMES:
        raise NotFoundError(f"no metric {word!r}: {did_you_mean(word, NAMES)}")
    if not depth.isdecimal() or not int(depth):
        raise NotFoundError(f"the metric {name!r} has no depth: write for example '{word}@10'")
    return word, int(depth)


def title(name: str) -> str:
    """How people write a metric: ``"ndcg@10"`` is ``"NDCG@10"``."""
    word, depth = parse(name)
    return f"{NAMES[word].title}@{depth}"
