"""The blocking API of one namespace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn, TypeVar, Unpack

from hearth import _calls, _native
from hearth._calls import Schema
from hearth._record_calls import RecordCalls
from hearth.administration import (
    CheckProgress,
    CheckReport,
    Compaction,
    Stats,
    add_step,
    stats_from,
)
from hearth.descriptions import NamespaceConfig, NamespaceInfo, VectorSettings
from hearth.errors import make_error
from hearth.feed import Consumer, Feed, WatchOptions, consumers_from, start_cursor, watch_options
from hearth.measures import Tuned
from hearth.queues import Queue, QueueStats, queue_stats
from hearth.transactions import RETRIED, Transaction, pause_before

T = TypeVar("T")


class Namespace(RecordCalls):
    """One open namespace; see `Store.namespace`. Thread-safe.

    Every call may raise a `HearthError`; `hearth.errors` lists them. Calls wait with the GIL
    released, so threads search in parallel.
    """

    def __init__(self, native: _native.Namespace) -> None:
        self._native: _native.Namespace | None = native
        self._name = native.name
        self._config = _calls.config_from(native.config)

    @property
    def name(self) -> str:
        return self._name

    @property
    def config(self) -> NamespaceConfig:
        """As of opening or of the last `alter`; `info().config` is the current one."""
        return self._config

    def _open(self) -> _native.Namespace:
        if self._native is None:
            raise _calls.closed("store")
        return self._native

    # ---- queues --------------------------------------------------------------------------------

    def queue(self, name: str) -> Queue:
        """A list of work that processes share; it is there as long as it has items."""
        return Queue(self._open, name)

    def queues(self) -> list[QueueStats]:
        """The queues that have items, by name."""
        return queue_stats(self._open().get_queues(""))

    # ---- transactions --------------------------------------------------------------------------

    def transaction(self, *, read_only: bool = False, timeout: float = 30.0) -> Transaction:
        """Begins a transaction on what is committed now; see `Transaction`.

        Args:
            read_only: it takes no writes; all its reads are of one moment.
            timeout: seconds until it has to be committed, at most 600.
        """
        return Transaction(*self._open().begin(read_only, timeout), self._name, self._config)

    def run(
        self, work: Callable[[Transaction], T], *, attempts: int = 20, timeout: float = 30.0
    ) -> T:
        """Calls `work` with a transaction, commits it, and returns what `work` returned.

        If another transaction was faster (`Conflict`), everything is done again after a pause that
        grows, up to `attempts` times: `work` should do nothing but use the transaction. Any other
        exception aborts the transaction and is passed on.
        """
        for attempt in range(attempts):
            try:
                with self.transaction(timeout=timeout) as transaction:
                    return work(transaction)
            except RETRIED as error:
                if attempt + 1 == attempts:
                    raise
                time.sleep(pause_before(attempt, error))
        raise make_error("invalid_argument", f"attempts is {attempts}; at least 1")

    # ---- the change feed -------------------------------------------------------------------------

    def watch(
        self,
        from_lsn: int | None = None,
        *,
        cursor: str | None = None,
        consumer: str | None = None,
        timeout: float | None = None,
        **which: Unpack[WatchOptions],
    ) -> Feed:
        """What is changed from now on, or after an LSN: `for change in ns.watch(): ...`.

        Every change of a record or key that is on disk, at least once and in the order of LSNs.
        What comes with a change is read when it is delivered: a record that was changed twice may
        come twice in its newest state. The iteration waits for changes until it is closed.

        Args:
            from_lsn: deliver what was written after this LSN; 0 is all that history holds.
                `CursorTooOld` if that does not reach back any more.
            cursor: where another feed stopped, instead of from_lsn.
            consumer: a name under which the namespace keeps how far this reader has got, by
                `Feed.ack`. A known one goes on behind what it acknowledged, wherever from_lsn
                points; history is kept for it.
            timeout: seconds without a change after which the iteration ends.
            **which: see `WatchOptions`: what, where, near, prefix, include, values, batch_size.

        Erased records are delivered whatever the conditions say.
        """
        return Feed(
            self._open,
            consumer=consumer,
            options=watch_options(which),
            cursor=start_cursor(from_lsn, cursor),
            timeout=timeout,
        )

    def consumers(self) -> list[Consumer]:
        """The named readers of the feed, by name."""
        return consumers_from(self._open().list_consumers())

    def delete_consumer(self, name: str) -> None:
        """Forgets a reader of the feed, and keeps no history for it. `NotFound`: there is none."""
        self._open().update_consumer(name, "delete", None)

    # ---- writing -------------------------------------------------------------------------------

    def flush(self, lsn: int = 0) -> int:
        """Waits until everything up to `lsn` is on disk (0: all that was acknowledged).

        Returns the LSN up to which everything is on disk.
        """
        return self._open().flush(lsn)

    # ---- changing ------------------------------------------------------------------------------

    def alter(
        self,
        *,
        index: str | None = None,
        distance: str | None = None,
        m: int | None = None,
        ef_construction: int | None = None,
        ef_search: int | None = None,
        seed: int | None = None,
        quantization: str | None = None,
        memory: str | None = None,
        nlist: int | None = None,
        nprobe: int | None = None,
        nbits: int | None = None,
        schema: Schema | None = None,
        text_fields: Mapping[str, float] | Iterable[str] | None = None,
        language: str | None = None,
        stop_words: Iterable[str] | None = None,
        named_vectors: Mapping[str, VectorSettings] | None = None,
    ) -> NamespaceConfig:
        """Changes the index, its parameters or the distance while the namespace is in use.

        Arguments are those of `Store.namespace`; what is not stated stays. Returns the new
        configuration when it is on disk. ef_search and nprobe count from then on. Everything else
        is built in the background: until it is ready, searches are answered by the index before,
        in its distance, and no write is missed; then all change over at the same moment.
        `info().rebuild` tells how far that is. Another `alter` meanwhile replaces this one.

        Any distance can become any other but "hamming" (`ConfigMismatch`): the vectors that are
        there may hold more than bits.

        Both indexes are in memory while one is built. If the daemon ends before, it is built when
        the namespace is opened again, and searches are exact, in the new distance, meanwhile.
        """
        settings = _calls.namespace_settings(
            index=index,
            distance=distance,
            m=m,
            ef_construction=ef_construction,
            ef_search=ef_search,
            seed=seed,
            quantization=quantization,
            memory=memory,
            nlist=nlist,
            nprobe=nprobe,
            nbits=nbits,
            schema=schema,
            text_fields=text_fields,
            language=language,
            stop_words=stop_words,
            named_vectors=named_vectors,
        )
        self._config = _calls.config_from(self._open().alter(settings))
        return self._config

    def tune(
        self,
        recall: float = 0.98,
        k: int = 10,
        *,
        sample: int = 200,
        seed: int = 1,
        time_limit: float = 20.0,
        vector_name: str = "",
    ) -> Tuned:
        """Finds the least `ef_search` (`nprobe` of an ivf index) that reaches a recall.

        Args:
            recall: share of the true k nearest that searches are to find; above 0 to 1.
            k: hits per search, up to 1000.
            sample: queries to measure with, 10 to 10,000: vectors that the seed draws, moved by a
                little. (A stored vector itself would be too easy.)
            seed: the same seed and the same vectors give the same queries.
            time_limit: seconds, 0.1 to 50; then what was found so far counts.
            vector_name: whose index; "" for that of the vector without a name.

        What it finds is the namespace's from now on; nothing is rebuilt. The daemon does the work,
        and `info().tuning` tells how far it is. `Busy` while the index is built, or tuned by
        somebody else.
        """
        return _calls.tuned_from(
            self._open().tune(
                recall,
                _calls.count_argument("k", k),
                _calls.count_argument("sample", sample),
                _calls.count_argument("seed", seed, 0),
                time_limit,
                vector_name,
            )
        )

    # ---- administration ------------------------------------------------------------------------

    def stats(self) -> Stats:
        """Sizes, readers, LSNs, queues and latencies as of now; cheap enough for every second."""
        return stats_from(self._open().stats())

    def checkpoint(self) -> int:
        """Commits what was accepted, has every index write its snapshot, and returns an LSN that
        the snapshots cover: opening the namespace again replays nothing before it. Waits while an
        index is built."""
        return self._open().checkpoint()

    def compact(self) -> Compaction:
        """Copies the namespace's file without its free pages and puts the copy in its place.

        There has to be room for both (`NoSpace`). Writes wait meanwhile, reads only for the
        exchange; nothing is lost if the daemon dies. `Busy` if snapshots are read for so long that
        the file cannot be exchanged. It goes on if the wait for it ends (`Timeout`), and
        `stats().compaction` tells how far it is.
        """
        return Compaction(*self._open().compact())

    def check(self, progress: CheckProgress | None = None) -> CheckReport:
        """Verifies all checksums, and that every index agrees with what is stored.

        It can be run while others read and write. `progress(what, done, total)` is called now and
        then. What is wrong is in the report; exceptions are those of the calls.
        """
        report = CheckReport()
        cursor = add_step(report, self._open().check(b""), progress)
        while cursor:
            cursor = add_step(report, self._open().check(cursor), progress)
        return report

    # ---- reading -------------------------------------------------------------------------------

    def info(self) -> NamespaceInfo:
        return _calls.namespace_info_from(self._open().info())

    def __repr__(self) -> str:
        state = "" if self._native is not None else " closed"
        return (
            f"<hearth.Namespace '{self._name}' dimension={self._config.dimension} "
            f"distance={self._config.distance}{state}>"
        )

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)
