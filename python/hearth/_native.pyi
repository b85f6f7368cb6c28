"""The C++ client. Not a public interface: use the package `hearth`.

Calls that take `queue` and `future` wait for their answer without them. With them they return None
at once, and `CompletionQueue.drain` settles the future later.
"""

import asyncio
from typing import Any, Final, Literal, TypeAlias, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

version: Final[str]
batch_bytes: Final[int]
lexical_embedder_name: Final[str]
lexical_default_dimension: Final[int]

IdColumn: TypeAlias = NDArray[np.uint64] | list[str] | list[int | str]
Metadata: TypeAlias = list[dict[str, Any]] | None
Texts: TypeAlias = list[str | None] | None
Vectors: TypeAlias = NDArray[np.float32] | None

# [(name, vectors, has_vector)]
NamedList: TypeAlias = list[tuple[str, NDArray[np.float32], NDArray[np.bool_]]]
# (ids, versions, metadata, texts, vectors, has_vector, named)
Columns: TypeAlias = tuple[
    IdColumn,
    NDArray[np.uint64],
    Metadata,
    Texts,
    Vectors,
    NDArray[np.bool_] | None,
    NamedList | None,
]
# (step, rows, candidates, seconds)
StageTuple: TypeAlias = tuple[str, int, int, float]
# (distance, index, ef, nprobe, rounds, exact, walk seconds, exact seconds, seconds, stages, filter)
ExplanationTuple: TypeAlias = tuple[
    str, str, int, int, int, bool, float, float, float, list[StageTuple], str
]
Scores: TypeAlias = NDArray[np.float64] | None
# (offsets, ids, distances, metadata, texts, vectors, explanation, scores, text scores, groups,
# named); a single query has no offsets
HitColumns: TypeAlias = tuple[
    Any,
    IdColumn,
    NDArray[np.float32],
    Metadata,
    Texts,
    Vectors,
    ExplanationTuple | None,
    Scores,
    Scores,
    list[Any] | None,
    NamedList | None,
]
# ([(value, count)], records)
FacetsTuple: TypeAlias = tuple[list[tuple[Any, int]], int]
# (parameter, value, finished, queries, [(value, recall, mean seconds, p95 seconds)])
CheckTuple: TypeAlias = tuple[
    bytes, str, int, int, list[tuple[str, int]], list[tuple[str, str, str]], int
]
TunedTuple: TypeAlias = tuple[str, int | None, bool, int, list[tuple[int, float, float, float]]]
# (settings, memory_bytes, recall, searches_per_second, build_seconds, fits, reasons)
AdviceTuple: TypeAlias = tuple[dict[str, int | str], int, float, float, float, bool, list[str]]
# (lsn, durable_lsn, affected, assigned ids)
Written: TypeAlias = tuple[int, int, int, IdColumn | None]

class VectorDict(TypedDict):
    dimension: int
    distance: str
    index: str
    m: int
    ef_construction: int
    ef_search: int
    seed: int
    quantization: str
    memory: str
    nlist: int
    nprobe: int
    nbits: int

# (kind, key, value, amount, version); kind: put, delete, add, delete_prefix
KeyChange: TypeAlias = tuple[str, bytes, bytes, int, int | None]
# (lsn, keys changed, sums)
KeysWritten: TypeAlias = tuple[int, int, list[int]]
# (value, version) of keys that are there
KeysFound: TypeAlias = list[tuple[bytes, int] | None]
# ([(key, value)], cursor), or of a scan without values ([key], cursor)
KeyPage: TypeAlias = tuple[list[Any], bytes]
# ([(name, version, flags)], cursor)
NamePage: TypeAlias = tuple[list[tuple[bytes, int, int]], bytes]

# (lsn, durable lsn, records, keys, items of its operations on queues)
Committed: TypeAlias = tuple[int, int, int, int, list[int]]
# (id, payload, state, priority, attempts, max attempts, pushed, since, due, token, consumer, size);
# times in milliseconds
QueueItemTuple: TypeAlias = tuple[int, bytes, str, int, int, int, int, int, int, int, str, int]
# (item, state, changed, due, items leased)
QueueReply: TypeAlias = tuple[int, str, bool, int, list[QueueItemTuple]]
# (name, ready, delayed, leased, dead, age of the oldest ready item in milliseconds)
QueueCounts: TypeAlias = tuple[str, int, int, int, int, int]
# (items, cursor)
ItemPage: TypeAlias = tuple[list[QueueItemTuple], bytes]

# (lsn, number, erased, last, key, id, version, row, value)
ChangeTuple: TypeAlias = tuple[
    int, int, bool, bool, bytes | None, int | str | None, int, int, bytes
]
# (changes, columns, cursor, newest lsn)
ChangePage: TypeAlias = tuple[list[ChangeTuple], Columns, str, int]

class ConfigDict(VectorDict):
    shards: int
    embedder: str
    schema: list[tuple[str, str, bool, bool]]
    text_fields: list[tuple[str, float]]
    language: str
    stop_words: list[str]
    named_vectors: dict[str, VectorDict]

# (serving, rows done, rows in all, failure)
RebuildTuple: TypeAlias = tuple[VectorDict, int, int, str]

class NamespaceInfoDict(TypedDict):
    name: str
    config: ConfigDict
    count: int
    vectors: int
    lsn: int
    durable_lsn: int
    index: str
    indexed: int
    fresh: int
    file_bytes: int
    index_bytes: int
    read_only: bool
    read_only_reason: str
    rebuild: RebuildTuple | None
    tuning: tuple[int, int] | None
    # (vectors, index, indexed, fresh, index bytes, rebuild) by name
    named_vectors: dict[str, tuple[int, str, int, int, int, RebuildTuple | None]]

class StoreInfoDict(TypedDict):
    path: str
    version: str
    pid: int
    uptime: float
    namespaces: int
    open_namespaces: int
    sessions: int

class CompletionQueue:
    def __init__(self) -> None: ...
    def fileno(self) -> int: ...
    def drain(self) -> None: ...
    def abandon(self) -> list[asyncio.Future[Any]]: ...

class WriteJob:
    def __init__(
        self,
        kind: str,
        ids: NDArray[np.uint64] | list[Any] | None,
        vectors: object,
        named_vectors: dict[str, Any],
        metadata: list[Any] | None,
        texts: list[Any] | None,
        durability: str,
        mode: str,
        copy_vectors: bool,
        batch_rows: int | None,
        versions: object,
        where: object,
    ) -> None: ...
    @property
    def rows(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def batch_start(self) -> int: ...

# What a namespace and a transaction can do alike.
class RecordCalls:
    @overload
    def write(self, job: WriteJob) -> Written: ...
    @overload
    def write(
        self, job: WriteJob, queue: CompletionQueue, future: asyncio.Future[Written]
    ) -> None: ...
    @overload
    def search(
        self, vectors: object, options: dict[str, object], include: object, many: bool
    ) -> HitColumns: ...
    @overload
    def search(
        self,
        vectors: object,
        options: dict[str, object],
        include: object,
        many: bool,
        queue: CompletionQueue,
        future: asyncio.Future[HitColumns],
    ) -> None: ...
    @overload
    def write_keys(self, changes: list[KeyChange], durability: str) -> KeysWritten: ...
    @overload
    def write_keys(
        self,
        changes: list[KeyChange],
        durability: str,
        queue: CompletionQueue,
        future: asyncio.Future[KeysWritten],
    ) -> None: ...
    @overload
    def get_keys(self, keys: list[bytes], values: bool) -> KeysFound: ...
    @overload
    def get_keys(
        self,
        keys: list[bytes],
        values: bool,
        queue: CompletionQueue,
        future: asyncio.Future[KeysFound],
    ) -> None: ...
    @overload
    def scan_keys(self, options: dict[str, object]) -> KeyPage: ...
    @overload
    def scan_keys(
        self,
        options: dict[str, object],
        queue: CompletionQueue,
        future: asyncio.Future[KeyPage],
    ) -> None: ...
    @overload
    def get_queues(self, name: str) -> list[QueueCounts]: ...
    @overload
    def get_queues(
        self, name: str, queue: CompletionQueue, future: asyncio.Future[list[QueueCounts]]
    ) -> None: ...
    @overload
    def scan_items(self, options: dict[str, object]) -> ItemPage: ...
    @overload
    def scan_items(
        self,
        options: dict[str, object],
        queue: CompletionQueue,
        future: asyncio.Future[ItemPage],
    ) -> None: ...
    @overload
    def changes(self, cursor: str | None, options: dict[str, object]) -> ChangePage: ...
    @overload
    def changes(
        self,
        cursor: str | None,
        options: dict[str, object],
        queue: CompletionQueue,
        future: asyncio.Future[ChangePage],
    ) -> None: ...
    @overload
    def update_consumer(self, name: str, action: str, cursor: str | None) -> str: ...
    @overload
    def update_consumer(
        self,
        name: str,
        action: str,
        cursor: str | None,
        queue: CompletionQueue,
        future: asyncio.Future[str],
    ) -> None: ...
    @overload
    def list_consumers(self) -> list[tuple[str, str, int]]: ...
    @overload
    def list_consumers(
        self, queue: CompletionQueue, future: asyncio.Future[list[tuple[str, str, int]]]
    ) -> None: ...
    @overload
    def list_names(self, options: dict[str, object]) -> NamePage: ...
    @overload
    def list_names(
        self,
        options: dict[str, object],
        queue: CompletionQueue,
        future: asyncio.Future[NamePage],
    ) -> None: ...
    # Rows, or how many there are.
    @overload
    def next_rows(self, query: PathQuery, count: Literal[False]) -> list[dict[str, Any]]: ...
    @overload
    def next_rows(self, query: PathQuery, count: Literal[True]) -> int: ...
    @overload
    def next_rows(
        self,
        query: PathQuery,
        count: bool,
        queue: CompletionQueue,
        future: asyncio.Future[Any],
    ) -> None: ...
    @overload
    def count(self, where: object) -> int: ...
    @overload
    def count(self, where: object, queue: CompletionQueue, future: asyncio.Future[int]) -> None: ...
    @overload
    def facets(self, field: str, where: object, limit: int) -> FacetsTuple: ...
    @overload
    def facets(
        self,
        field: str,
        where: object,
        limit: int,
        queue: CompletionQueue,
        future: asyncio.Future[FacetsTuple],
    ) -> None: ...
    @overload
    def get(
        self, ids: NDArray[np.uint64] | list[Any], include: object
    ) -> tuple[Columns, IdColumn]: ...
    @overload
    def get(
        self,
        ids: NDArray[np.uint64] | list[Any],
        include: object,
        queue: CompletionQueue,
        future: asyncio.Future[tuple[Columns, IdColumn]],
    ) -> None: ...
    @overload
    def scan(
        self, cursor: bytes, limit: int, options: dict[str, object], include: object
    ) -> tuple[Columns, bytes]: ...
    @overload
    def scan(
        self,
        cursor: bytes,
        limit: int,
        options: dict[str, object],
        include: object,
        queue: CompletionQueue,
        future: asyncio.Future[tuple[Columns, bytes]],
    ) -> None: ...
    @overload
    def write_queue(
        self, operations: list[dict[str, object]], durability: str
    ) -> tuple[int, list[QueueReply]]: ...
    @overload
    def write_queue(
        self,
        operations: list[dict[str, object]],
        durability: str,
        queue: CompletionQueue,
        future: asyncio.Future[tuple[int, list[QueueReply]]],
    ) -> None: ...

class Namespace(RecordCalls):
    @property
    def name(self) -> str: ...
    @property
    def config(self) -> ConfigDict: ...
    @overload
    def begin(self, read_only: bool, timeout: float) -> tuple[Transaction, int]: ...
    @overload
    def begin(
        self,
        read_only: bool,
        timeout: float,
        queue: CompletionQueue,
        future: asyncio.Future[tuple[Transaction, int]],
    ) -> None: ...
    @overload
    def info(self) -> NamespaceInfoDict: ...
    @overload
    def info(self, queue: CompletionQueue, future: asyncio.Future[NamespaceInfoDict]) -> None: ...
    @overload
    def flush(self, lsn: int) -> int: ...
    @overload
    def flush(self, lsn: int, queue: CompletionQueue, future: asyncio.Future[int]) -> None: ...
    @overload
    def alter(self, settings: dict[str, object]) -> ConfigDict: ...
    @overload
    def alter(
        self,
        settings: dict[str, object],
        queue: CompletionQueue,
        future: asyncio.Future[ConfigDict],
    ) -> None: ...
    @overload
    def tune(
        self, recall: float, k: int, sample: int, seed: int, time_limit: float, vector_name: str
    ) -> TunedTuple: ...
    @overload
    def tune(
        self,
        recall: float,
        k: int,
        sample: int,
        seed: int,
        time_limit: float,
        vector_name: str,
        queue: CompletionQueue,
        future: asyncio.Future[TunedTuple],
    ) -> None: ...
    @overload
    def stats(self) -> dict[str, Any]: ...
    @overload
    def stats(self, queue: CompletionQueue, future: asyncio.Future[dict[str, Any]]) -> None: ...
    @overload
    def checkpoint(self) -> int: ...
    @overload
    def checkpoint(self, queue: CompletionQueue, future: asyncio.Future[int]) -> None: ...
    @overload
    def compact(self) -> tuple[int, int, int]: ...
    @overload
    def compact(
        self, queue: CompletionQueue, future: asyncio.Future[tuple[int, int, int]]
    ) -> None: ...
    @overload
    def check(self, cursor: bytes) -> CheckTuple: ...
    @overload
    def check(
        self, cursor: bytes, queue: CompletionQueue, future: asyncio.Future[CheckTuple]
    ) -> None: ...

class PathQuery:
    def __init__(self, options: dict[str, object]) -> None: ...
    @property
    def done(self) -> bool: ...

class Transaction(RecordCalls):
    @overload
    def savepoint(self) -> int: ...
    @overload
    def savepoint(self, queue: CompletionQueue, future: asyncio.Future[int]) -> None: ...
    @overload
    def rollback_to(self, savepoint: int) -> None: ...
    @overload
    def rollback_to(
        self, savepoint: int, queue: CompletionQueue, future: asyncio.Future[None]
    ) -> None: ...
    @overload
    def commit(self, durability: str) -> Committed: ...
    @overload
    def commit(
        self, durability: str, queue: CompletionQueue, future: asyncio.Future[Committed]
    ) -> None: ...
    @overload
    def abort(self) -> None: ...
    @overload
    def abort(self, queue: CompletionQueue, future: asyncio.Future[None]) -> None: ...

class Store:
    @overload
    def open_namespace(self, name: str, mode: str, settings: dict[str, object]) -> Namespace: ...
    @overload
    def open_namespace(
        self,
        name: str,
        mode: str,
        settings: dict[str, object],
        queue: CompletionQueue,
        future: asyncio.Future[Namespace],
    ) -> None: ...
    @overload
    def list_namespaces(self) -> list[str]: ...
    @overload
    def list_namespaces(
        self, queue: CompletionQueue, future: asyncio.Future[list[str]]
    ) -> None: ...
    @overload
    def drop_namespace(self, name: str) -> None: ...
    @overload
    def drop_namespace(
        self, name: str, queue: CompletionQueue, future: asyncio.Future[None]
    ) -> None: ...
    @overload
    def info(self) -> StoreInfoDict: ...
    @overload
    def info(self, queue: CompletionQueue, future: asyncio.Future[StoreInfoDict]) -> None: ...

# Paths are bytes, as the file system has them.
def connect(
    path: bytes,
    autostart: bool,
    daemon: bytes,
    socket: bytes,
    start_timeout: float,
    call_timeout: float,
    reconnect: bool,
) -> Store: ...
def shutdown_daemon(path: bytes, timeout: float) -> None: ...
def socket_path(path: bytes) -> bytes: ...
def suggest_index(n: int, dimension: int, memory: int, recall: float) -> AdviceTuple: ...
def embed_lexical(texts: list[str], dimension: int) -> NDArray[np.float32]: ...
def filter_text(filter: object) -> str: ...
def filter_matches(filter: object, metadata: dict[str, Any]) -> bool: ...
def encode_path(segments: list[bytes]) -> bytes: ...
def decode_path(key: bytes) -> list[bytes]: ...
def stored_bytes(value: object) -> bytes: ...
def read_value(stored: bytes) -> Any: ...
def toon_text(rows: list[dict[str, Any]], name: str, columns: list[str] | None) -> str: ...
def toon_rows(text: str) -> tuple[str, list[dict[str, Any]]]: ...
def error_codes() -> list[str]: ...
