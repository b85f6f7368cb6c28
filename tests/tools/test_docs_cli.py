"""Runs the console blocks of docs/cli.md, in order, on one store: the manual is a test."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cli_shell import BIN_DIR, REPOSITORY, TIMEOUT_S, Shell

PAGE = REPOSITORY / "docs" / "cli.md"


@dataclass
class Step:
    """One `$` line with its here-document, and the output shown under it."""

    line: int
    command: str
    shown: list[str] = field(default_factory=list)


def steps_of(page: Path) -> list[Step]:
    steps: list[Step] = []
    in_block = False
    heredoc: str | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            in_block = line == "```console"
            continue
        if not in_block:
            continue
        if heredoc is not None:
            steps[-1].command += "\n" + line
            if line == heredoc:
                heredoc = None
        elif line.startswith("$ "):
            steps.append(Step(number, line[2:]))
            found = re.search(r"<<'(\w+)'", line)
            heredoc = found.group(1) if found else None
        else:
            steps[-1].shown.append(line)
    return steps


def pattern_of(shown: list[str]) -> str:
    """Lines as they are; `...` stands for any text within its line, alone for any lines."""
    lines = []
    for line in shown:
        if line == "...":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*?".join(map(re.escape, line.split("..."))) + r"\n")
    return "".join(lines)


def same_spacing(text: str) -> str:
    """Columns are as wide as their content, which differs from run to run."""
    return re.sub(r" {2,}", "  ", text)


def test_the_manual_does_what_it_says(shell: Shell) -> None:
    steps = steps_of(PAGE)
    assert len(steps) > 20
    for step in steps:
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=shell.root,
            env=shell.env | {"PATH": f"{BIN_DIR}:{shell.env['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # as on a terminal
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        where = f"docs/cli.md:{step.line}: {step.command}"
        assert done.returncode == 0, f"{where}\n{done.stdout}"
        if step.shown:
            shown = [same_spacing(line) for line in step.shown]
            assert re.fullmatch(pattern_of(shown), same_spacing(done.stdout)), (
                f"{where}\n{done.stdout}"
            )


def test_every_command_is_in_the_manual(shell: Shell) -> None:
    text = PAGE.read_text(encoding="utf-8")
    script = shell.ok("completions", "bash").out
    paths = re.findall(r"^    '([a-z ]+)'\) candidates='", script, re.MULTILINE)
    assert len(paths) > 18
    missing = [path for path in paths if f"hearth {path}" not in text]
    assert not missing


def test_patterns_tell_outputs_apart() -> None:
    assert re.fullmatch(pattern_of(["a ... c", "...", "d"]), "a b c\nx\ny\nd\n")
    assert re.fullmatch(pattern_of(["a"]), "a\n")
    assert not re.fullmatch(pattern_of(["a"]), "a\nb\n")
    assert not re.fullmatch(pattern_of(["a ... c"]), "a b\nc\n")
