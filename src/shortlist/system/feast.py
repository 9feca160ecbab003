"""Feature views of an existing Feast repository, as features of a System."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shortlist.base.errors import DeclarationError
from shortlist.system.features import Definition


@dataclass(frozen=True)
class FeastView(Definition):
    """Numbers that Feast keeps: ``FeastView("item_stats", repo="feature_repo", features=["ctr"], by="item")``.

    ``view`` is a feature view with one entity, ``by`` says whether its keys are those of users or of items, and
    ``repo`` is the folder of ``feature_store.yaml``; a relative one is read from the folder of the System file.
    Each feature is a column ``VIEW_FEATURE``. As of a moment it is read from Feast's offline store, now from its
    online store; missing values are missing.
    """

    view: str
    repo: str = "feature_repo"
    features: Sequence[str] = ()
    by: str = "item"

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise DeclarationError(problems)
        object.__setattr__(self, "features", tuple(self.features))  # can be hashed

    @property
    def names(self) -> list[str]:
        """The columns."""
        return [f"{self.view}_{feature}" for feature in self.features]

    def below(self, root: Path) -> FeastView:
        """The same with a relative ``repo`` found from the folder ``root``."""
        return replace(self, repo=str(root / self.repo))

    def _problems(self) -> Iterator[str]:
        if isinstance(self.features, str) or not self.features:
            yield f"feature view {self.view!r}: name its features in a list, features=['ctr']"
        if self.by not in {"user", "item"}:
            yield f"feature view {self.view!r}: by is 'user' or 'item', not {self.by!r}"
