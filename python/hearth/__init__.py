"""Hearth: a local vector database that several processes share.

    import hearth, numpy as np
    with hearth.connect("./store") as db:
        ns = db.namespace("docs", dimension=384, distance="cosine")
        ns.upsert(ids=["a", "b"], vectors=np.random.rand(2, 384))
        hits = ns.search(np.random.rand(384), k=10)
        hits.ids, hits.distances

`hearth.aio` has the same calls for asyncio.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hearth import _native, aio, toon
from hearth._searches import SearchOptions
from hearth._values import GeoPoint
from hearth.administration import (
    CheckReport,
    Compaction,
    Latency,
    Problem,
    ShardLoad,
    Stats,
    TableUsage,
)
from hearth.aio import AsyncNamespace, AsyncStore
from hearth.aio import connect as connect_async
from hearth.client import Store, connect
from hearth.descriptions import (
    FieldRule,
    NamespaceConfig,
    NamespaceInfo,
    Rebuild,
    StoreInfo,
    VectorConfig,
    VectorInfo,
    VectorSettings,
)
from hearth.errors import (
    AlreadyExists,
    Busy,
    Cancelled,
    ConfigMismatch,
    Conflict,
    Corruption,
    CursorTooOld,
    DaemonUnavailable,
    DimensionMismatch,
    HearthError,
    InternalError,
    InvalidArgument,
    IoError,
    LimitExceeded,
    NoSpace,
    NotFound,
    PermissionDenied,
    ProtocolMismatch,
    ReadOnly,
    Timeout,
    Unsupported,
)
from hearth.feed import AsyncFeed, Change, Consumer, Feed, WatchOptions
from hearth.filters import Filter, K
from hearth.key_values import AsyncKeyValues, Delete, DeletePrefix, KeyValue, KeyValues, Put
from hearth.measures import Advice, Explanation, Stage, Tried, Tuned
from hearth.namespace import Namespace
from hearth.paths import Child, path_key, path_segments
from hearth.queries import AsyncQuery, Query
from hearth.queues import AsyncLeasedItem, AsyncQueue, LeasedItem, Queue, QueueItem, QueueStats
from hearth.results import (
    BatchHits,
    Committed,
    Facets,
    Hit,
    Hits,
    NamedVectors,
    Record,
    Records,
    WriteResult,
)
from hearth.transactions import AsyncTransaction, Transaction

__version__ = _native.version

__all__ = [
    "Advice",
    "AlreadyExists",
    "AsyncFeed",
    "AsyncKeyValues",
    "AsyncLeasedItem",
    "AsyncNamespace",
    "AsyncQuery",
    "AsyncQueue",
    "AsyncStore",
    "AsyncTransaction",
    "BatchHits",
    "Busy",
    "Cancelled",
    "Change",
    "CheckReport",
    "Child",
    "Committed",
    "Compaction",
    "ConfigMismatch",
    "Conflict",
    "Consumer",
    "Corruption",
    "CursorTooOld",
    "DaemonUnavailable",
    "Delete",
    "DeletePrefix",
    "DimensionMismatch",
    "Explanation",
    "Facets",
    "Feed",
    "FieldRule",
    "Filter",
    "GeoPoint",
    "HearthError",
    "Hit",
    "Hits",
    "InternalError",
    "InvalidArgument",
    "IoError",
    "K",
    "KeyValue",
    "KeyValues",
    "Latency",
    "LeasedItem",
    "LimitExceeded",
    "NamedVectors",
    "Namespace",
    "NamespaceConfig",
    "NamespaceInfo",
    "NoSpace",
    "NotFound",
    "PermissionDenied",
    "Problem",
    "ProtocolMismatch",
    "Put",
    "Query",
    "Queue",
    "QueueItem",
    "QueueStats",
    "ReadOnly",
    "Rebuild",
    "Record",
    "Records",
    "SearchOptions",
    "ShardLoad",
    "Stage",
    "Stats",
    "Store",
    "StoreInfo",
    "TableUsage",
    "Timeout",
    "Transaction",
    "Tried",
    "Tuned",
    "Unsupported",
    "VectorConfig",
    "VectorInfo",
    "VectorSettings",
    "WatchOptions",
    "WriteResult",
    "__version__",
    "aio",
    "connect",
    "connect_async",
    "embed_lexical",
    "path_key",
    "path_segments",
    "shutdown_daemon",
    "socket_path",
    "suggest_index",
    "toon",
]


def embed_lexical(
    texts: Iterable[str], dimension: int = _native.lexical_default_dimension
) -> NDArray[np.float32]:
    """Embeds texts by their spelling: hashed words and character n-grams, no model needed.

    Returns a (texts, dimension) float32 array of unit rows (zeros for a text without letters or
    digits), read-only. The same text gives the same bits everywhere. Create a namespace with
    `embedder="lexical"` for vectors made like this, and `search(text=...)` works.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of str, not one str")
    return _native.embed_lexical(list(texts), dimension)


def suggest_index(
    n: int, dimension: int, memory: int | None = None, recall: float = 0.95
) -> Advice:
    """Suggests an index for `n` vectors, and says what to expect of it. Needs no daemon.

    Args:
        n: vectors.
        dimension: values per vector.
        memory: bytes that the index may take. None: as much as it likes.
        recall: share of the ten nearest that searches are to find; above 0 to 1.

    Predictions come from measurements on one machine; `Namespace.tune` measures yours.
    """
    plain = _native.suggest_index(n, dimension, memory or 0, recall)
    return Advice(*plain[:-1], tuple(plain[-1]))


def shutdown_daemon(path: str | os.PathLike[str], *, timeout: float = 60.0) -> None:
    """Asks the daemon of a store to stop, and waits (seconds) until it is gone.

    It finishes acknowledged work first. `NotFound` if no daemon serves the store.
    """
    _native.shutdown_daemon(os.fsencode(os.path.abspath(os.fspath(path))), timeout)  # noqa: PTH100


def socket_path(path: str | os.PathLike[str]) -> str:
    """Where the daemon of the store in a directory listens by default."""
    return os.fsdecode(_native.socket_path(os.fsencode(os.path.abspath(os.fspath(path)))))  # noqa: PTH100
