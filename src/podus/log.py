"""The durable history: one SQLite file per user, written before what it says is acted on.

It runs in the user's process as well as in the shell: the standard library only, ``sqlite3`` when first needed, and
no connection is kept between two calls, so that none crosses a fork.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from podus import places
from podus.errors import PodusError, Refused
from podus.portmap.process import birth, is_alive
from podus.threads import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

SCHEMA = 1
BUSY_SECONDS = 10.0

EVENTS = frozenset(
    {
        "load",
        "plan",
        "update",
        "stage",
        "switch",
        "refuse",
        "override",
        "complete",
        "back-out",
        "backed-out",
        "failed",
    }
)
BEGINS = "update"
ENDS = ("complete", "backed-out", "failed", "refuse")

_TABLE = """
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    event TEXT NOT NULL,
    program TEXT NOT NULL,
    pid INTEGER NOT NULL,
    born TEXT NOT NULL,
    update_id TEXT,
    who TEXT NOT NULL,
    from_label TEXT, from_hash TEXT,
    to_label TEXT, to_hash TEXT,
    procedures TEXT NOT NULL,
    detail TEXT NOT NULL,
    seconds REAL,
    stall_us REAL
)
"""
_INDEXES = (
    "CREATE INDEX event_by_program ON event (program, id)",
    "CREATE INDEX event_by_update ON event (update_id, id)",
)
_COLUMNS = (
    "id, time, event, program, pid, born, update_id, who, from_label, from_hash, to_label, to_hash,"
    " procedures, detail, seconds, stall_us"
)


class Record:
    """One event of the log; ``time`` in seconds since 1970, ``seconds`` and ``stall_us`` None where they say nothing."""

    __slots__ = (
        "born",
        "detail",
        "event",
        "from_version",
        "id",
        "pid",
        "procedures",
        "program",
        "seconds",
        "stall_us",
        "time",
        "to_version",
        "update",
        "who",
    )

    def __init__(self, row: Sequence[Any]) -> None:
        self.id: int = row[0]
        self.time: float = row[1]
        self.event: str = row[2]
        self.program: str = row[3]
        self.pid: int = row[4]
        self.born: str = row[5]
        self.update: str | None = row[6]
        self.who: dict[str, Any] = json.loads(row[7])
        self.from_version: dict[str, str] | None = _version(row[8], row[9])
        self.to_version: dict[str, str] | None = _version(row[10], row[11])
        self.procedures: list[str] = json.loads(row[12])
        self.detail: dict[str, Any] = json.loads(row[13])
        self.seconds: float | None = row[14]
        self.stall_us: float | None = row[15]

    def as_dict(self) -> dict[str, Any]:
        """The event as plain data, for ``--json``."""
        return {name: getattr(self, name) for name in sorted(self.__slots__)}


def _version(label: str | None, digest: str | None) -> dict[str, str] | None:
    return None if label is None and digest is None else {"label": label or "", "hash": digest or ""}


class Log:
    """The log in the file ``path``. Any number of processes and threads may write to it at once."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def open(cls, path: str | None = None) -> Log:
        """The user's log, or the one in ``path``; the file is made by the first write.

        Raises Refused if its directory can't be used.
        """
        if path is None:
            try:
                path = os.path.join(places.state_dir(), "log.sqlite")
            except OSError as error:
                raise Refused(
                    f"the log's directory can't be made: {error.strerror or error}: {error.filename}",
                    "make it writable, or set PODUS_HOME to a directory that is",
                ) from error
        return cls(path)

    def write(
        self,
        event: str,
        *,
        program: str,
        pid: int,
        update: str | None = None,
        who: Mapping[str, Any] | None = None,
        from_version: Mapping[str, str] | None = None,
        to_version: Mapping[str, str] | None = None,
        procedures: Sequence[str] = (),
        detail: Mapping[str, Any] | None = None,
        seconds: float | None = None,
        stall_us: float | None = None,
    ) -> int:
        """Record ``event`` (one of :data:`EVENTS`) and return its number; it is on the disk when this returns.

        ``who`` is ``{"uid", "user", "shell"}``, the versions are ``{"label", "hash"}``, ``seconds`` is how long it took,
        ``stall_us`` the longest stall in microseconds. Raises Refused if it can't be written, ValueError if
        there is no such event.
        """
        if event not in EVENTS:
            raise ValueError(f"no such event: {event}")
        old, new = from_version or {}, to_version or {}
        row = (
            time.time(),
            event,
            program,
            pid,
            birth(pid),
            update,
            _dump(dict(who or {})),
            old.get("label"),
            old.get("hash"),
            new.get("label"),
            new.get("hash"),
            _dump(list(procedures)),
            _dump(dict(detail or {})),
            seconds,
            stall_us,
        )
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO event (time, event, program, pid, born, update_id, who, from_label, from_hash, to_label,"
                " to_hash, procedures, detail, seconds, stall_us) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                tuple(_storable(value) for value in row),
            )
            return cursor.lastrowid or 0

    def entries(
        self,
        program: str | None = None,
        pid: int | None = None,
        limit: int | None = None,
        since: float | None = None,
        update: str | None = None,
    ) -> list[Record]:
        """The events, oldest first, of one program, process or update; ``limit`` keeps the latest, ``since`` is in seconds since 1970.

        An empty list if there is no log yet. Raises Refused if it can't be read.
        """
        asked = {"program =": program, "pid =": pid, "time >=": since, "update_id =": update}
        given = [(test, value) for test, value in asked.items() if value is not None]
        where = " WHERE " + " AND ".join(f"{test} ?" for test, _ in given) if given else ""
        values = [_storable(value) for _, value in given] + [-1 if limit is None else limit]
        rows = self._read(f"SELECT {_COLUMNS} FROM event{where} ORDER BY id DESC LIMIT ?", values)
        return [Record(row) for row in reversed(rows)]

    def programs(self) -> list[str]:
        """The names of the programs that the log knows. Raises Refused if it can't be read."""
        return [str(row[0]) for row in self._read("SELECT DISTINCT program FROM event ORDER BY program", ())]

    def unfinished(self) -> list[Record]:
        """The beginnings of the updates that were under way when their process died: each is the ``update`` event.

        What had been done by then is in :meth:`entries` with ``update=``. Raises Refused if the log can't be read.
        """
        marks = ",".join("?" * len(ENDS))
        rows = self._read(
            f"SELECT {_COLUMNS} FROM event AS first WHERE event = ? AND NOT EXISTS (SELECT 1 FROM event AS last"
            " WHERE last.update_id = first.update_id AND last.pid = first.pid AND last.id > first.id"
            f" AND last.event IN ({marks})) ORDER BY id",
            [BEGINS, *ENDS],
        )
        found = [Record(row) for row in rows]
        return [record for record in found if not is_alive(record.pid, record.born, record.time)]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction that is committed, durably, at the end."""
        with self._errors("written"):
            import sqlite3

            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                _prepare(connection)
                connection.execute("BEGIN IMMEDIATE")
                self._ensure_schema(connection)
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()

    def _ensure_schema(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.execute(_TABLE)
            for index in _INDEXES:
                connection.execute(index)
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        elif version > SCHEMA:
            self._too_new(version)

    def _read(self, query: str, values: Sequence[Any]) -> list[Any]:
        if not os.path.exists(self.path):
            return []
        with self._errors("read"):
            import sqlite3
            from urllib.parse import quote

            address = f"file:{quote(os.path.abspath(self.path))}?mode=ro"
            connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > SCHEMA:
                    self._too_new(version)
                # Version 0: its first writer has made the file, and not yet the table.
                return connection.execute(query, values).fetchall() if version else []
            finally:
                connection.close()

    def _too_new(self, version: int) -> None:
        raise Refused(
            f"the log {self.path} was written by a newer podus (its schema is {version}, this podus knows {SCHEMA})",
            "update podus, or set PODUS_HOME to another directory",
        )

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        """Turn what goes wrong with the file into one sentence with its remedy; ``done`` is "read" or "written"."""
        try:
            yield
        except PodusError:
            raise
        except ImportError as error:
            raise Refused(
                f"the log {self.path} can't be {done}: this Python has no sqlite3",
                "install Python's sqlite3 module for it",
            ) from error
        except Exception as error:
            import sqlite3

            if not isinstance(error, sqlite3.Error):
                raise
            raise _explain(self.path, done, error) from error


def _prepare(connection: sqlite3.Connection) -> None:
    """WAL and full synchronisation; the first of many writers needs the file alone for a moment to turn WAL on."""
    import sqlite3

    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # SQLite doesn't call its busy handler here.
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            sleep(0.01)
    connection.execute("PRAGMA synchronous = FULL")


def _explain(path: str, done: str, error: Exception) -> Refused:
    text = str(error)
    damaged = (
        "malformed" in text or "not a database" in text or "no such table" in text or "no such column" in text
    )
    if damaged:
        return Refused(
            f"the log {path} is damaged: {text}",
            "move it away, and podus starts a new one; `sqlite3 FILE .recover` may save the old one",
        )
    if "locked" in text or "busy" in text:
        remedy = "another process has kept it locked: end that one, or try again"
    elif "full" in text or "disk I/O" in text:
        remedy = "free some space on its disk, or set PODUS_HOME to a directory on another one"
    else:
        remedy = "make it and its directory writable, or set PODUS_HOME to a directory that is"
    return Refused(f"the log {path} can't be {done}: {text}", remedy)


def _dump(value: object) -> str:
    return json.dumps(value, default=str)


def _storable(value: Any) -> Any:
    """Names of files may hold bytes that are no UTF-8 (lone surrogates), which SQLite refuses."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
