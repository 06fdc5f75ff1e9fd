"""What object stores say when they fail: the first line of it, without secrets, with the cure where one is known."""

from __future__ import annotations

import re

_DENIALS = ("PermissionDeniedError", "UnauthenticatedError", "PermissionError")
"""What obstore and fsspec say who have no right, or are not known."""

_USER = re.compile(r"://[^/@\s]+@")

_CURES = (
    (
        re.compile(r"169\.254\.169\.254"),  # where machines of the cloud are asked, when nothing else says who one is
        "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true",
    ),
    (
        re.compile(r"http://.*builder error"),
        "no plain http without client_options={'allow_http': True} of the store, or, for S3, AWS_ALLOW_HTTP=true",
    ),
    (re.compile(r"list request.* 404 "), "there is no such bucket, or the server lists nothing: take another URL"),
    (re.compile(r"error sending request"), "the server does not answer: see whether the endpoint is the right one"),
    (re.compile(r" 403 "), "there is no right to do this, or nothing is there and there is no right to list"),
)


def said(error: BaseException) -> str:
    """The first line of what others say, after the cure where it is known, and without secrets.

    >>> said(OSError("HTTP error: error sending request for http://me:secret@localhost/ (refused)."))
    'the server does not answer: see whether the endpoint is the right one (HTTP error: error sending request for http://localhost/ (refused))'
    """  # noqa: E501 — a message is one line
    text = str(error).partition("\n")[0].partition("<?xml")[0].strip().rstrip(".:") or type(error).__name__
    text = without_user(text)
    cure = next((cure for pattern, cure in _CURES if pattern.search(text)), "")
    return f"{cure} ({text})" if cure else text


def without_user(text: str) -> str:
    """URLs without who they are for."""
    return _USER.sub("://", text)


def is_denial(error: BaseException | None) -> bool:
    """Whether a store does not let one do what was asked, and so did not do it."""
    return type(error).__name__ in _DENIALS
