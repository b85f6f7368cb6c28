"""The blocking API: `connect` and `Store`."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import NoReturn, Self

from hearth import _calls, _native
from hearth._calls import Schema
from hearth.descriptions import StoreInfo, VectorSettings
from hearth.namespace import Namespace


class Store:
    """A connection to a store; see `connect`. Thread-safe. Use it with `with`, or `close()` it."""

    def __init__(self, native: _native.Store, path: str) -> None:
        self._native: _native.Store | None = native
        self._path = path
        self._namespaces: weakref.WeakSet[Namespace] = weakref.WeakSet()
        _open_stores.add(self)

    def _open(self) -> _native.Store:
        if self._native is None:
            raise _calls.closed("store")
        return self._native

    @property
    def path(self) -> str:
        return self._path

    @property
    def closed(self) -> bool:
        return self._native is None

    def namespace(
        self,
        name: str,
        *,
        dimension: int | None = None,
        distance: str | None = None,
        index: str | None = None,
        m: int | None = None,
        ef_construction: int | None = None,
        ef_search: int | None = None,
        seed: int | None = None,
        quantization: str | None = None,
        memory: str | None = None,
        nlist: int | None = None,
        nprobe: int | None = None,
        nbits: int | None = None,
        shards: int | None = None,
        embedder: str | None = None,
        schema: Schema | None = None,
        text_fields: Mapping[str, float] | Iterable[str] | None = None,
        language: str | None = None,
        stop_words: Iterable[str] | None = None,
        named_vectors: Mapping[str, VectorSettings] | None = None,
        mode: str = "open_or_create",
    ) -> Namespace:
        """Opens or creates a namespace.

        Only what is stated is checked against an existing namespace, and nothing stated is ignored:
        another dimension is a `DimensionMismatch`; another distance, number of shards or embedder a
        `ConfigMismatch`; other index parameters (from `index` to `nbits`) are taken over and, but
        for ef_search and nprobe, rebuild the index in the background.

        Args:
            name: 1 to 64 of a-z, 0-9, `_` and `-`.
            dimension: values per vector, up to 65,536. Without it a new namespace has no vectors
                but the named ones: it is a store of keys, metadata and texts.
            distance: "cosine" (default), "l2" (Euclidean), "dot", "manhattan" (not with ivf_flat
                and ivf_pq; hnsw without codes) or "hamming" (how many positions differ; every
                value of a vector is 0 or 1, in any dtype).
            index: "hnsw" (default), "flat" (exact), "ivf_flat" or "ivf_pq" (inverted lists), or
                "kd_tree" (exact, for few dimensions).
            m, ef_construction, ef_search: of hnsw: links per node (16), candidates while building
                (200) and while searching (64). For ivf_pq, m is the number of coded parts of a
                vector (0: chosen by dimension).
            seed: of everything in the index that is drawn by chance (42).
            quantization: the codes on which hnsw walks: "auto" (default), "none", "sq8", "pca",
                "rabitq" or "binary".
            memory: what hnsw keeps in memory: "fast" (default: vectors and codes), "balanced"
                (8-bit vectors and codes) or "lean" (codes).
            nlist, nprobe: of ivf_flat and ivf_pq: lists, and how many of them a search visits
                (0: chosen by the number of rows).
            nbits: of ivf_pq: bits per coded part, 4 (default) or 8.
            shards: parts of the index (1).
            embedder: who makes the vectors; "lexical" lets `search(text=...)` embed the text.
            schema: what metadata fields have to be, by dotted path: a type ("int", "string", ...)
                or a `FieldRule`. It holds for what is written from then on;
                `FieldRule(indexed=True)` keeps an attribute index, built in the background.
            text_fields: what `search(text=...)` looks into: "text" (the text of the record) and
                paths of metadata, as names or as a dict of names and weights. The index is made in
                the background where there are records already.
            language: whose word stems, e.g. "english"; "none" unless given.
            stop_words: words to leave out; the one word "english" stands for a list of them.
            named_vectors: further vectors that each record may have, by name, and the settings of
                each: a dict with its dimension and, if they are not to be the usual ones, its
                distance and the index parameters above. Which there are (15 at most) is settled
                when the namespace is created.
            mode: "open" (`NotFound` if it is not there), "create" (`AlreadyExists` if it is) or
                "open_or_create".
        """
        settings = _calls.namespace_settings(
            dimension=dimension,
            distance=distance,
            index=index,
            m=m,
            ef_construction=ef_construction,
            ef_search=ef_search,
            seed=seed,
            quantization=quantization,
            memory=memory,
            nlist=nlist,
            nprobe=nprobe,
            nbits=nbits,
            shards=shards,
            embedder=embedder,
            schema=schema,
            text_fields=text_fields,
            language=language,
            stop_words=stop_words,
            named_vectors=named_vectors,
        )
        namespace = Namespace(self._open().open_namespace(name, mode, settings))
        self._namespaces.add(namespace)
        return namespace

    def namespaces(self) -> list[str]:
        """The names of all namespaces, in order."""
        return self._open().list_namespaces()

    def drop(self, name: str) -> None:
        """Removes a namespace and its files. Open handles to it answer `NotFound` from now on."""
        self._open().drop_namespace(name)

    def info(self) -> StoreInfo:
        return _calls.store_info_from(self._open().info())

    def close(self) -> None:
        """Drops the connection. The daemon goes on; what was acknowledged is safe either way.

        Namespaces of this store cannot be used afterwards. Closing twice is fine.
        """
        for namespace in list(self._namespaces):
            namespace._native = None
        self._native = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<hearth.Store {self._path!r}{' closed' if self.closed else ''}>"

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)


def connect(
    path: str | os.PathLike[str],
    *,
    autostart: bool = True,
    daemon: str | os.PathLike[str] | None = None,
    socket: str | os.PathLike[str] | None = None,
    start_timeout: float = 30.0,
    call_timeout: float = 120.0,
    reconnect: bool = True,
) -> Store:
    """Connects to the store in a directory, starting its daemon if nobody serves it yet.

    Args:
        path: the store's directory; made if it does not exist.
        autostart: False raises `DaemonUnavailable` instead of starting a daemon.
        daemon: the `hearthd` to start. None: $HEARTH_DAEMON, the one installed with this package,
            or the one on PATH.
        socket: where the daemon listens, if not at the store's default socket.
        start_timeout: seconds to wait for the daemon to start.
        call_timeout: seconds until a call fails with `Timeout`.
        reconnect: after a lost connection, connect again (and start the daemon again) with the next
            call. Calls in flight when it broke raise `DaemonUnavailable` in any case.

    A child process after `fork()` cannot use its parent's stores; it connects anew.
    """
    options = _calls.connect_options(
        path,
        autostart=autostart,
        daemon=daemon,
        socket=socket,
        start_timeout=start_timeout,
        call_timeout=call_timeout,
        reconnect=reconnect,
    )
    return Store(options.connect(), options.path)


_open_stores: weakref.WeakSet[Store] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    # In order, while there still is an interpreter to do it.
    for store in list(_open_stores):
        store.close()
