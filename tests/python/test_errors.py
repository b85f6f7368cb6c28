"""Errors: one root, one class per code, fitting parents, readable text."""

from __future__ import annotations

import builtins
import errno
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import hearth
from hearth import _native, errors

PARENTS: dict[str, type[Exception]] = {
    "invalid_argument": ValueError,
    "dimension_mismatch": ValueError,
    "not_found": KeyError,
    "already_exists": Exception,
    "config_mismatch": ValueError,
    "limit_exceeded": ValueError,
    "permission_denied": PermissionError,
    "unsupported": NotImplementedError,
    "protocol_mismatch": ConnectionError,
    "cursor_too_old": Exception,
    "busy": Exception,
    "conflict": Exception,
    "timeout": TimeoutError,
    "unavailable": ConnectionError,
    "cancelled": Exception,
    "corruption": Exception,
    "io_error": OSError,
    "no_space": OSError,
    "read_only": Exception,
    "internal": Exception,
}


def test_every_code_of_the_native_module_has_its_class() -> None:
    assert set(_native.error_codes()) == set(errors.CLASSES) == set(PARENTS)
    assert len(set(errors.CLASSES.values())) == len(errors.CLASSES)
    for kind in errors.CLASSES.values():
        assert getattr(hearth, kind.__name__) is kind


@pytest.mark.parametrize("code", sorted(PARENTS))
def test_an_error_has_its_parent_its_text_and_survives_pickling(code: str) -> None:
    error = errors.make_error(code, "the field is wrong", "do it right", 1.5)
    assert type(error) is errors.CLASSES[code]
    assert isinstance(error, hearth.HearthError)
    assert isinstance(error, PARENTS[code])
    assert str(error) == "the field is wrong (do it right)"
    assert "the field is wrong" in repr(error)
    error.rows_committed = 7
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    for each in (error, back):
        assert (each.code, each.message, each.hint) == (code, "the field is wrong", "do it right")
        assert each.retry_after == 1.5
        assert each.rows_committed == 7
    assert str(back).endswith("[7 rows were committed before]")


def test_an_error_without_a_hint_is_its_message_alone() -> None:
    assert str(errors.make_error("not_found", "no 'x'")) == "no 'x'"
    assert str(hearth.NotFound("no 'x'")) == "no 'x'"
    assert hearth.NotFound("no 'x'").code == "not_found"


def test_a_code_from_the_future_is_internal() -> None:
    error = errors.make_error("quantum_flux", "new")
    assert type(error) is hearth.InternalError
    assert error.code == "quantum_flux"


def test_no_space_has_its_errno() -> None:
    assert isinstance(errors.make_error("no_space", "full"), OSError)
    assert hearth.NoSpace("full").errno == errno.ENOSPC


def test_only_errors_of_the_middle_group_are_retryable() -> None:
    retryable = {code for code in PARENTS if errors.make_error(code, "").retryable}
    assert retryable == {"busy", "conflict", "timeout", "unavailable", "cancelled"}


def test_no_class_hides_a_builtin() -> None:
    assert not {kind.__name__ for kind in errors.CLASSES.values()} & set(dir(builtins))


def _fail_in_another_process(path: str) -> None:
    with hearth.connect(path) as db:
        db.namespace("no such namespace", mode="open")


def test_an_error_crosses_processes(shared_path: Path, db: hearth.Store) -> None:
    assert not db.closed
    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(hearth.InvalidArgument, match="not allowed") as raised,
    ):
        pool.submit(_fail_in_another_process, str(shared_path)).result()
    assert raised.value.code == "invalid_argument"
