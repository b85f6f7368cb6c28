"""Workers of the test that kills them: they push, lease, ack and nack, and note what they did.

The process imports hearth once and forks a worker for every number that it reads from its standard
input; it answers their process ids. A note is on disk as soon as it is written, as far as kill -9
goes: one line of JSON in a file of the worker's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import hearth

VISIBILITY = 0.15
MAX_ATTEMPTS = 6


class Worker:
    def __init__(self, store: str, notes: Path, number: int) -> None:
        self.random = random.Random(number)
        self.number = number
        self.pushed = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.notes = os.open(notes / f"{number}.json", flags, 0o600)
        self.queue = self.connect(store)

    def connect(self, store: str) -> hearth.Queue:
        while True:
            with contextlib.suppress(hearth.HearthError):  # the daemon was killed meanwhile
                return hearth.connect(store).namespace("work", dimension=2).queue("tasks")

    def note(self, what: str, **details: Any) -> None:
        os.write(self.notes, (json.dumps({"what": what} | details) + "\n").encode())

    def push(self) -> None:
        names = []
        for _each in range(self.random.randrange(1, 4)):
            self.pushed += 1
            names.append(f"{self.number}-{self.pushed}")
        self.note("pushing", items=names)
        delay = self.random.choice([0.0, 0.0, 0.05])
        priority = self.random.randrange(3)
        self.queue.push_many(names, priority=priority, delay=delay, max_attempts=MAX_ATTEMPTS)
        self.note("pushed", items=names)

    def lease(self) -> None:
        count = self.random.randrange(1, 4)
        for item in self.queue.lease_many(count, visibility=VISIBILITY, wait=0):
            name = item.payload.decode()
            self.note("leased", item=name, attempt=item.attempts, expires=item.expires)
            self.settle(item, name)

    def settle(self, item: hearth.LeasedItem, name: str) -> None:
        choice = self.random.random()
        if choice > 0.9:
            return  # forgotten
        how = "ack" if choice < 0.7 else "nack"
        self.note(how, item=name, attempt=item.attempts)
        try:
            item.ack() if how == "ack" else item.nack()
        except hearth.Conflict:
            late = time.time() >= item.expires
            self.note("conflict", item=name, attempt=item.attempts, late=late)
            return
        self.note(how + "ed", item=name, attempt=item.attempts)

    def run(self) -> None:
        while True:
            try:
                self.push() if self.random.random() < 0.35 else self.lease()
            except hearth.HearthError as error:
                # The daemon was killed. Whatever was asked for happened, or did not.
                self.note("lost", error=error.code)
                time.sleep(0.002)


def main() -> None:
    store, notes = sys.argv[1:]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave nothing behind
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                Worker(store, Path(notes), int(line)).run()
            finally:
                os._exit(1)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
