"""Arguments of searches and scans, for the blocking and the asyncio API."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hearth import _native
from hearth._calls import Ids, Where, count_argument, id_column, is_single, query_copy, weights_of
from hearth.descriptions import NamespaceConfig
from hearth.errors import make_error


class SearchOptions(TypedDict, total=False):
    """What searches take besides the query, k and the columns; all of it is optional.

    where: only records that match this filter: `K("year") >= 2020`, a dict, or text. k of them are
        found if there are so many.
    vector_name: which of the namespace's named vectors to search; "" for the one without a name.
    ef: candidates the index looks at; more finds more and takes longer. None: the namespace's
        `ef_search`. Never less than k.
    nprobe: lists that an ivf index searches. None: the namespace's `nprobe`.
    exact: compare with every vector instead of using the index.
    explain: say in `Hits.explanation` how the search was answered.
    mode: "vector", "text" or "hybrid", where it is not plain from what is given: a vector, a text,
        or both. With a text alone, namespaces whose embedder is "lexical" search by its embedding
        ("vector"), others by its words ("text"); "hybrid" does both there.
    text_fields: where to look for the text: names, or a dict of names and weights. None: all that
        are indexed.
    text_operators: the text is in the query language ("a phrase", AND, OR, NOT, +, -, prefix*,
        field:word) and not just words.
    fusion: how the hits by vector and by text become one list: "rrf" (reciprocal ranks), "weighted"
        or "borda".
    weights: (vector, text): how much each side counts.
    rank_constant: of "rrf"; 60 unless given.
    candidates: how many each side of a fusion brings. None: four times k, 100 at least.
    like, unlike: ids of examples to search for instead of a vector, and of others to keep away
        from.
    offset: hits to leave out first.
    max_distance: only hits that are not farther than this; `k` still bounds them.
    min_score: with a text: only hits that score so much.
    group_by: a metadata field: at most `group_limit` (1) hits with the same value, and k counts the
        groups.
    diversity: maximal marginal relevance: 0 looks at relevance only, 1 only at how unlike the hits
        are to each other. `diversity_candidates`: to choose from.
    """

    where: Where | None
    vector_name: str
    ef: int | None
    nprobe: int | None
    exact: bool
    explain: bool
    mode: str | None
    text_fields: Mapping[str, float] | Iterable[str] | None
    text_operators: bool
    fusion: str
    weights: tuple[float, float]
    rank_constant: float
    candidates: int | None
    like: Ids | None
    unlike: Ids | None
    offset: int
    max_distance: float | None
    min_score: float | None
    group_by: str | None
    group_limit: int
    diversity: float | None
    diversity_candidates: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """One search call, as the native module takes it."""

    vectors: Any
    options: dict[str, object]

    def copied(self) -> Search:
        """For calls that begin later: what the caller does to the array meanwhile has no effect."""
        vectors = None if self.vectors is None else query_copy(self.vectors)
        return Search(vectors, self.options)


def _example_ids(ids: Ids | None) -> Any:
    if ids is None:
        return None
    return id_column([ids] if is_single(ids) else ids)  # type: ignore[arg-type]


def _plain_options(k: int, more: SearchOptions) -> dict[str, object]:
    unknown = set(more) - set(SearchOptions.__annotations__)
    if unknown:
        raise TypeError(f"search has no argument '{min(unknown)}'")
    options: dict[str, object] = {"k": count_argument("k", k)}
    for name in ("ef", "nprobe", "candidates", "diversity_candidates", "group_limit"):
        if (number := more.get(name)) is not None:
            options[name] = count_argument(name, number)
    if offset := more.get("offset", 0):
        options["offset"] = count_argument("offset", offset, 0)
    for name in (
        "where",
        "vector_name",
        "exact",
        "explain",
        "text_operators",
        "fusion",
        "rank_constant",
        "max_distance",
        "min_score",
        "group_by",
    ):
        if (value := more.get(name)) is not None:
            options[name] = _native.filter_text(value) if name == "where" else value
    if (weights := more.get("weights")) is not None:
        options["vector_weight"], options["text_weight"] = weights
    if (fields := more.get("text_fields")) is not None:
        options["text_fields"] = weights_of(fields)
    for name in ("like", "unlike"):
        if (ids := _example_ids(more.get(name))) is not None:  # type: ignore[arg-type]
            options[name] = ids
    if (diversity := more.get("diversity")) is not None:
        options["diversity"] = 1.0 - diversity
    return options


def _sides(query: object, text: object, more: SearchOptions, lexical: bool) -> tuple[bool, bool]:
    """Whether to embed the text, and whether to search for its words."""
    mode = more.get("mode")
    if mode not in (None, "vector", "text", "hybrid"):
        raise make_error("invalid_argument", f"mode is {mode!r}", "one of: vector, text, hybrid")
    if text is None:
        if mode in ("text", "hybrid"):
            raise make_error("invalid_argument", f"mode is '{mode}', but there is no text")
        return False, False
    if query is not None or more.get("like") is not None:
        if mode in ("vector", "text"):
            raise make_error(
                "invalid_argument",
                f"mode is '{mode}', but there is a vector and a text",
                "leave out the one that is not to be searched for",
            )
        return False, True
    if mode is None:
        mode = "vector" if lexical else "text"
    return mode != "text", mode != "vector"


def search_of(
    query: ArrayLike | None,
    text: str | None,
    k: int,
    more: SearchOptions,
    of: tuple[str, NamespaceConfig],
) -> Search:
    """A search for one vector, one text, both, or examples."""
    if query is None and text is None and more.get("like") is None:
        raise make_error("invalid_argument", "search takes a vector, a text, both, or like=ids")
    if text is not None and not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__}")
    name, config = of
    options = _plain_options(k, more)
    # Who does not say who made the vectors is warned, as ever, unless words can be searched.
    vector_name = more.get("vector_name", "")
    lexical = (
        not vector_name
        and config.dimension > 0
        and (
            config.embedder == _native.lexical_embedder_name
            or (not config.embedder and not config.text_fields)
        )
    )
    embeds, matches = _sides(query, text, more, lexical)
    if embeds and text is not None:
        if vector_name:
            raise make_error(
                "unsupported",
                f"nothing here makes a '{vector_name}' of a text",
                "embed the text yourself and pass the vector",
            )
        query = embedding_of(text, name, config)
    if matches:
        options["texts"] = [text]
    return Search(query, options)


def batch_search_of(
    queries: ArrayLike | None, texts: Sequence[str] | None, k: int, more: SearchOptions
) -> Search:
    """Searches for every vector, every text, or pairs of both."""
    if queries is None and texts is None:
        raise make_error("invalid_argument", "search_batch takes vectors, texts, or both")
    options = _plain_options(k, more)
    if texts is not None:
        if isinstance(texts, str):
            raise TypeError("texts must be a sequence of str, not one str")
        options["texts"] = list(texts)
    return Search(queries, options)


def embedding_of(text: str, name: str, config: NamespaceConfig) -> ArrayLike:
    """The lexical embedding of `text`, for a namespace that has such vectors."""
    if config.embedder not in ("", _native.lexical_embedder_name):
        raise make_error(
            "unsupported",
            f"the vectors of namespace '{name}' were made by '{config.embedder}', "
            "which this library cannot run",
            "embed the text with it yourself and pass the vector",
        )
    if not config.embedder:
        warnings.warn(
            f"namespace '{name}' does not say who made its vectors; the text is embedded with "
            "hearth.embed_lexical, which finds nothing useful among vectors of another embedder "
            "(create the namespace with embedder='lexical' to say so)",
            stacklevel=4,
        )
    embedded: NDArray[np.float32] = _native.embed_lexical([text], config.dimension)[0]
    return embedded


def scan_options(
    where: Where | None, order_by: str | None, descending: bool, offset: int
) -> dict[str, object]:
    options: dict[str, object] = {}
    if where is not None:
        options["where"] = _native.filter_text(where)
    if order_by is not None:
        options["order_by"] = order_by
    if descending:
        options["descending"] = True
    if offset:
        options["offset"] = count_argument("offset", offset, 0)
    return options
