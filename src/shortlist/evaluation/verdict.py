"""The result of an evaluation in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.evaluation.bootstrap import paired
from shortlist.evaluation.contender import Contender
from shortlist.evaluation.names import HEADLINE, title


def verdict(contenders: Sequence[Contender], chosen: str, *, seed: int = 0) -> str:
    """How ``chosen`` does against the baseline and the best source alone, with figures."""
    leader = next(each for each in contenders if each.name == chosen)
    sentence = f"{chosen} reaches {title(HEADLINE)} {_quality(leader):.3f}"
    rivals = [
        max(
            (each for each in contenders if each.kind == kind and each is not leader),
            key=_quality,
            default=None,
        )
        for kind in ("baseline", "source")
    ]
    parts = [_against(leader, rival, seed) for rival in rivals if rival]
    return ": ".join([sentence, " and ".join(parts)]) + "." if parts else f"{sentence}."


def _quality(contender: Contender) -> float:
    return contender.metrics[HEADLINE].mean


def _against(leader: Contender, rival: Contender, seed: int) -> str:
    gap = paired(leader.values[HEADLINE], rival.values[HEADLINE], seed)
    words = {"baseline": rival.name, "source": f"the best source alone, {rival.name}"}[rival.kind]
    if not gap.significant:
        return f"not measurably different from {words} ({_quality(rival):.3f})"
    if gap.mean < 0:
        return f"measurably below {words} ({_quality(rival):.3f})"
    factor = f"{_quality(leader) / _quality(rival):.2g} times as good as" if _quality(rival) else "above"
    return f"{factor} {words} ({_quality(rival):.3f})"
