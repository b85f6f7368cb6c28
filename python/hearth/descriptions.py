"""What namespaces and stores are, and how they are doing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict


class VectorSettings(TypedDict, total=False):
    """What can be said of a named vector: see the arguments of `Store.namespace`."""

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


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a schema says of a metadata field. Null is as good as missing.

    Attributes:
        type: "any", "bool", "int", "number", "string", "timestamp", "geo", "list" or "map".
        required: every record has it.
        indexed: keep an attribute index of it, which makes filters fast.
    """

    type: str = "any"
    required: bool = False
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class VectorConfig:
    """What a named vector is; the attributes are those of `NamespaceConfig`."""

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


@dataclass(frozen=True, slots=True)
class NamespaceConfig(VectorConfig):
    """What a namespace is.

    Attributes:
        dimension: values per vector; 0: records have no vectors but the named ones.
        index: "hnsw", "flat", "ivf_flat", "ivf_pq" or "kd_tree"; the parameters from `m` to `nbits`
            are explained at `Store.namespace`. Those of other kinds are kept and have no effect.
        embedder: who made the vectors ("" for "not said").
        schema: what metadata fields have to be.
        text_fields: what is searched by text, and how much it counts; `language` names the stems.
        named_vectors: further vectors that each record may have, by name.
    """

    shards: int
    embedder: str
    schema: dict[str, FieldRule] = field(default_factory=dict)
    text_fields: dict[str, float] = field(default_factory=dict)
    language: str = "none"
    stop_words: tuple[str, ...] = ()
    named_vectors: dict[str, VectorConfig] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """An index is being built to replace the one that answers searches.

    Attributes:
        serving: the distance and index parameters that still answer.
        rows_done: vectors in the new index, of `rows_total`.
        failure: why building had to start over, last; "" if it had not.
    """

    serving: VectorConfig
    rows_done: int
    rows_total: int
    failure: str


@dataclass(frozen=True, slots=True)
class VectorInfo:
    """How a named vector is doing; the attributes are those of `NamespaceInfo`.

    Attributes:
        vectors: records that have it.
    """

    vectors: int
    index: str
    indexed: int
    fresh: int
    index_bytes: int
    rebuild: Rebuild | None


@dataclass(frozen=True, slots=True)
class NamespaceInfo:
    """How a namespace is doing.

    Attributes:
        count: records; `vectors` of them have a vector.
        lsn: log sequence number of the last write; up to `durable_lsn` it is on disk.
        config: what it is, or is becoming: see `rebuild`.
        index: "ready", "building" (searches are exact meanwhile), "rebuilding" (the index before
            answers meanwhile) or "failed".
        indexed: vectors in the index that answers; `fresh` ones are still scanned exactly.
        file_bytes: on disk; `index_bytes` in memory.
        read_only: a commit failed, for `read_only_reason`.
        rebuild: how far the index is that will replace the one that answers, if there is one.
        tuning: queries that a `tune` has run, and how many it may be at most, if there is one.
        named_vectors: how each named vector is doing.
    """

    name: str
    config: NamespaceConfig
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
    rebuild: Rebuild | None
    tuning: tuple[int, int] | None
    named_vectors: dict[str, VectorInfo]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """Who serves a store. `uptime` is in seconds; `sessions` counts connections, this one too."""

    path: str
    version: str
    pid: int
    uptime: float
    namespaces: int
    open_namespaces: int
    sessions: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
