"""Object stores by their identities: each is one ``Objects``, whatever door it was opened by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import unquote
from uuid import uuid4

from ngff_fn.effects.extras import imported
from ngff_fn.effects.failures import said, without_user
from ngff_fn.effects.objects.objects import Objects
from ngff_fn.errors import Problem, StoreError, UnsupportedError

T = TypeVar("T")

_RETRIES: Any = {"retry_timeout": timedelta(seconds=60)}
"""Of stores that are made of a URL: obstore itself would ask a server that does not answer for three minutes."""

_known: dict[str, Any] = {}
_registry = threading.RLock()


def known(identity: str, make: Callable[[], T]) -> T:
    """The one object store of an identity."""
    with _registry:
        if identity not in _known:
            _known[identity] = make()
        found: T = _known[identity]
        return found


def objects_of(store: Any) -> tuple[Objects, str]:
    """The object store behind an obstore ``ObjectStore``, and the path below it that this one is of."""
    kind = type(store).__name__
    path = str(getattr(store, "prefix", None) or "").strip("/")
    with _registry:
        if kind == "MemoryStore":
            name = next((name for name, each in _known.items() if each.store is store), f"objects:{uuid4().hex}")
            return _known.setdefault(name, Objects(store, name)), ""
        root = _without_prefix(store, kind)
        name = _name_of(root, kind)
        if name not in _known or _known[name].store != root:
            _known[name] = Objects(root, name)
        return _known[name], path


def objects_at(identity: str) -> tuple[Objects, str]:
    """The object store and the path below it of an identity that is, or begins with, that of a store.

    Raises
    ------
    StoreError
        Where it was in memory and is gone.
    """
    with _registry:
        for name in sorted(_known, key=len, reverse=True):
            if identity == name or identity.startswith(f"{name}/"):
                return _known[name], identity[len(name) :].strip("/")
    if not identity.startswith(("objects:", "fsspec:")):
        name = objects_from(identity)[0].identity
        if identity == name or identity.startswith(f"{name}/"):
            return _known[name], identity[len(name) :].strip("/")
    raise StoreError(Problem(identity, "this store is not known here. Open it first."))


def objects_from(url: str) -> tuple[Objects, str]:
    """The object store of a URL, with what the environment says of it, and the path of the URL in it."""
    stores = imported("obstore.store", "s3", "a URL")
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    is_http = scheme.lower() in ("http", "https")
    if "@" in host or (is_http and ("?" in path or "#" in path)):
        shown = f"{scheme}://{host.rpartition('@')[2]}/{path.partition('?')[0]}"
        message = (
            "a URL may have neither a user nor a query: they would be shown, and stand in the way of what is below."
        )
        raise UnsupportedError(Problem(shown, f"{message} Give an obstore store, with its own credentials or headers."))
    path = unquote(path) if is_http else path
    try:
        if is_http:
            client: Any = {"allow_http": True}
            store = stores.HTTPStore(f"{scheme}://{host}", client_options=client, retry_config=_RETRIES)
        else:
            store = stores.from_url(f"{scheme}://{host}", retry_config=_RETRIES)
    except Exception as error:
        message = f"obstore does not take it ({said(error)}). Give a URL such as s3://bucket/image.zarr, or a store."
        raise UnsupportedError(Problem(url, message)) from error
    return objects_of(store)[0], path.strip("/")


def _without_prefix(store: Any, kind: str) -> Any:
    """The same store from its root on, so that groups above are seen."""
    if kind == "HTTPStore" or not getattr(store, "prefix", None):
        return store
    names = ("client_options", "retry_config", "credential_provider")
    options = {name: getattr(store, name, None) for name in names}
    given = {name: value for name, value in options.items() if value is not None}
    return type(store)(config=store.config, **given)


def _name_of(store: Any, kind: str) -> str:
    if kind == "HTTPStore":
        return without_user(str(store.url).partition("?")[0]).rstrip("/")
    config = dict(store.config)
    scheme = {"S3Store": "s3", "GCSStore": "gs", "AzureStore": "az"}.get(kind, kind.lower())
    bucket = config.get("bucket") or config.get("container_name") or ""
    endpoint = str(config.get("endpoint") or "").partition("://")[2].rstrip("/")
    return f"{scheme}://{endpoint}/{bucket}" if endpoint else f"{scheme}://{bucket}"


def again(store: Any, identity: str) -> Objects:
    """The object store that a pickle was made of."""
    return known(identity, lambda: Objects(store, identity))
