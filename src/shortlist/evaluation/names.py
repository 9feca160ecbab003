"""What metrics are called and mean, in one place: ``"ndcg@10"`` is a word of `NAMES` and a depth."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.base.errors import NotFoundError
from shortlist.base.suggest import did_you_mean


@dataclass(frozen=True)
class Name:
    """How a metric is written, and its meaning in plain words."""

    title: str
    meaning: str
    has_depth: bool = True  # whether it is of the first k places of a list
    lower_is_better: bool = False


NAMES = {
    "ndcg": Name(
        "NDCG",
        "how many of the items that a user went on to choose the list holds, and how near its top they stand: "
        "1 is a perfect list, 0 a list without any of them",
    ),
    "recall": Name("Recall", "the share of the items that a user went on to choose that the list holds"),
    "precision": Name("Precision", "the share of the list that the user went on to choose"),
    "hit": Name("Hit rate", "the share of users whose list holds at least one item that they chose"),
    "map": Name("MAP", "precision, averaged over the ranks of chosen items"),
    "mrr": Name("MRR", "one over the rank of the first chosen item: 1 at the top, 0.5 if second"),
    "coverage": Name("Coverage", "the share of the catalogue that is in at least one user's list"),
    "novelty": Name(
        "Novelty", "how rarely chosen the listed items are, in bits: one more is half as popular"
    ),
    "diversity": Name(
        "Diversity", "how little the items of one list have in common: 0 is all alike, 1 nothing shared"
    ),
    "log_loss": Name(
        "Log loss",
        "the mean negative log-likelihood of what happened under the predicted probabilities: 0 is certain and "
        "right, and lower is better",
        has_depth=False,
        lower_is_better=True,
    ),
}

HEADLINE = "ndcg@10"  # of lists
LOG_LOSS = "log_loss"  # the headline of predictions
STANDARD = (HEADLINE, "recall@20", "precision@10", "hit@10", "map@10", "mrr@10")


def parse(name: str) -> tuple[str, int]:
    """The word and depth of a metric's name; depth 0 where it has none. Raises NotFoundError for what is none."""
    word, _, depth = name.partition("@")
    if word not in NAMES:
        raise NotFoundError(f"no metric {word!r}: {did_you_mean(word, NAMES)}")
    if not NAMES[word].has_depth:
        return word, 0
    if not depth.isdecimal() or not int(depth):
        raise NotFoundError(f"the metric {name!r} has no depth: write for example '{word}@10'")
    return word, int(depth)


def title(name: str) -> str:
    """How a metric is written: ``"ndcg@10"`` is ``"NDCG@10"``."""
    word, depth = parse(name)
    return f"{NAMES[word].title}@{depth}" if depth else NAMES[word].title


def in_sentence(name: str) -> str:
    """A metric's title within a sentence: ``"NDCG@10"``, ``"log loss"``."""
    return title(name) if NAMES[parse(name)[0]].has_depth else title(name).lower()


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of the metric is the better one."""
    return NAMES[parse(name)[0]].lower_is_better


def goodness(name: str, value: float) -> float:
    """``value`` of the metric, turned so that more is better."""
    return -value if lower_is_better(name) else value
