"""The result of an evaluation in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.evaluation.bootstrap import paired
from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.names import HEADLINE, title


def verdict(models: Sequence[EvaluatedModel], chosen: str, *, seed: int = 0) -> str:
    """How ``chosen`` does against the baseline and the best source alone, with figures."""
    leader = next(each for each in models if each.name == chosen)
    clauses = [f"{chosen} reaches {title(HEADLINE)} {_quality(leader):.3f}"]
    for kind, words in {"baseline": "of {}", "source": "of the best source alone, {}"}.items():
        rivals = [each for each in models if each.kind == kind and each is not leader]
        if rivals:
            rival = max(rivals, key=_quality)
            clauses.append(
                f"{_against(leader, rival, seed)} the {_quality(rival):.3f} {words.format(rival.name)}"
            )
    first, *rest = clauses
    return f"{first}, {' and '.join(rest)}." if rest else f"{first}."


def _quality(model: EvaluatedModel) -> float:
    return model.metrics[HEADLINE].mean


def _against(leader: EvaluatedModel, rival: EvaluatedModel, seed: int) -> str:
    """How the leader's quality compares, as far as can be told."""
    if not paired(leader.values[HEADLINE], rival.values[HEADLINE], seed).significant:
        return "not measurably different from"
    if not _quality(rival):
        return "above"
    factor = _quality(leader) / _quality(rival)
    if factor >= 2:
        return f"{factor:.1f} times"
    return f"{abs(factor - 1):.0%} {'above' if factor > 1 else 'below'}"
