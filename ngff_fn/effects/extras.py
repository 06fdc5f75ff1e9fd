"""Packages that only some functions need: imported when these are called, and brought by an extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ngff_fn.errors import Problem, UnsupportedError


def imported(module: str, extra: str, what: str) -> Any:
    """A module of a package that may be missing.

    Parameters
    ----------
    module
        Its full name.
    extra
        Of this package, which brings it.
    what
        Is wanted of it, for the refusal.

    Raises
    ------
    UnsupportedError
        Where it is not installed.

    >>> imported("nowhere", "progress", "a bar")
    Traceback (most recent call last):
    ngff_fn.errors.UnsupportedError: nowhere: a bar needs this package. Install ngff_fn[progress].
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UnsupportedError(Problem(package, f"{what} needs this package. Install ngff_fn[{extra}].")) from error
