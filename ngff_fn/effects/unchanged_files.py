"""Files of a store that is never changed in place: what it holds is replaced as a whole, in another way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, NoReturn

from ngff_fn.effects.stores import Files
from ngff_fn.errors import Problem, StoreError
from ngff_fn.records.paths import joined


class UnchangedFiles:
    """Every change is refused, with the cure that the kind of store says."""

    identity: str
    _cure: ClassVar[str]

    def write(self, key: str, data: bytes) -> None:  # noqa: ARG002 — refused
        """Refused."""
        self._refuse(key)

    def make_directory(self, path: str) -> None:
        """Refused."""
        self._refuse(path)

    def move(self, source: str, target: str) -> None:  # noqa: ARG002 — refused
        """Refused."""
        self._refuse(target)

    def exchange(self, left: str, right: str, *, one_step: bool = False) -> None:  # noqa: ARG002 — refused
        """Refused."""
        self._refuse(right)

    def copy(self, source: Files, source_key: str, key: str, *, link: bool) -> None:  # noqa: ARG002 — refused
        """Refused."""
        self._refuse(key)

    def remove(self, path: str) -> None:
        """Refused."""
        self._refuse(path)

    def prune(self, path: str) -> None:
        """Nothing: there are no empty directories."""

    def sync(self, paths: Iterable[str]) -> None:
        """Nothing: nothing is written here."""

    def hold(self, path: str) -> Callable[[], None]:
        """Refused: nothing is staged here."""
        self._refuse(path)

    def _refuse(self, key: str) -> NoReturn:
        raise StoreError(Problem(joined(self.identity, key), self._cure))
