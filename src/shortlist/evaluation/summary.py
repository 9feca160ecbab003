"""The result of an evaluation in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.evaluation.bootstrap import paired
from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.names import HEADLINE, goodness, in_sentence, lower_is_better


def summary(models: Sequence[EvaluatedModel], chosen: str, *, metric: str = HEADLINE, seed: int = 0) -> str:
    """How ``chosen`` compares with the baseline and the best source alone, with figures."""
    leader = next(each for each in models if each.name == chosen)
    clauses = [f"{chosen} reaches {in_sentence(metric)} {leader.metrics[metric].mean:.3f}"]
    for kind, words in {"baseline": "of {}", "source": "of the best source alone, {}"}.items():
        rivals = [each for each in models if each.kind == kind and each is not leader]
        if rivals:
            rival = max(rivals, key=lambda each: goodness(metric, each.metrics[metric].mean))
            quality = rival.metrics[metric].mean
            clauses.append(
                f"{_comparison(leader, rival, metric, seed)} the {quality:.3f} {words.format(rival.name)}"
            )
    first, *rest = clauses
    return f"{first}, {' and '.join(rest)}." if rest else f"{first}."


def _comparison(leader: EvaluatedModel, rival: EvaluatedModel, metric: str, seed: int) -> str:
    """How the leader's quality compares, where the difference is significant."""
    if not paired(leader.values[metric], rival.values[metric], seed).significant:
        return "not significantly different from"
    ours, theirs = leader.metrics[metric].mean, rival.metrics[metric].mean
    if not theirs:
        return "above"
    factor = ours / theirs
    if factor >= 2 and not lower_is_better(metric):
        return f"{factor:.1f} times"
    return f"{abs(factor - 1):.0%} {'above' if factor > 1 else 'below'}"
