"""Read and write rosbag2 bags (MCAP and sqlite3) without a running ROS graph.

Messages stay in their serialised form (CDR) here; ``rclpy.serialization`` turns them into messages and back, so a bag
goes through exactly the code that a live message goes through.
"""

from __future__ import annotations

import heapq
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from spp_sorter.ros.bag_types import (
    BagError,
    message_class,
    message_type,
    offered_qos,
    read_plain,
    stamp_of,
    type_store,
)

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader, Writer

__all__ = ["STORAGES", "BagError", "BagMessage", "BagReader", "BagWriter", "in_stamp_order"]

STORAGES = ("mcap", "sqlite3")

REORDER_WINDOW_NS = 1_000_000_000
"""How late, in stamps, a message may have been recorded and still be put in its place."""


@dataclass(frozen=True, slots=True)
class BagMessage:
    """One recorded message.

    Attributes:
        topic: its topic.
        msgtype: such as ``sensor_msgs/msg/Image``.
        recorded_ns: when it was recorded (the bag's own time).
        stamp_ns: the stamp in its header; ``recorded_ns`` for types that have none.
        data: the message in CDR.
    """

    topic: str
    msgtype: str
    recorded_ns: int
    stamp_ns: int
    data: bytes

    def decode(self) -> Any:
        """The message itself."""
        from rclpy.serialization import deserialize_message

        try:
            return deserialize_message(self.data, message_class(self.msgtype))
        except (RuntimeError, MemoryError) as error:
            raise BagError(f"a {self.msgtype} on '{self.topic}' is broken: {error}") from error

    def decode_plain(self) -> Any:
        """The message as rosbags reads it, for standard types that need not be installed here (tf2_msgs)."""
        return read_plain(self.data, self.msgtype)


class BagReader:
    """A bag opened for reading: a rosbag2 folder, or a single ``.mcap`` or ``.db3`` file."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._reader: Reader | None = None

    def __enter__(self) -> BagReader:
        """Open the bag.

        Raises:
            BagError: there is no bag, or it cannot be read.
        """
        reader_class, _ = _rosbags()
        if not self.path.exists():
            raise BagError(f"bag '{self.path}' does not exist; give a rosbag2 folder or a .mcap or .db3 file")
        try:
            reader = reader_class(self.path)
            reader.open()
        except Exception as error:
            # rosbags lets format errors of every kind through (struct, sqlite, key and assertion errors).
            reason = str(error) or type(error).__name__
            raise BagError(
                f"bag '{self.path}' cannot be read: {reason} "
                "Give a complete rosbag2 folder (with metadata.yaml), or a closed .mcap or .db3 file."
            ) from error
        self._reader = reader
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bag."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @property
    def topics(self) -> dict[str, str]:
        """Type of every topic in the bag, by name."""
        return {connection.topic: connection.msgtype for connection in self._open_reader().connections}

    @property
    def counts(self) -> dict[str, int]:
        """Number of messages of every topic, by name."""
        counts: dict[str, int] = {}
        for connection in self._open_reader().connections:
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
        return counts

    def messages(self, topics: Iterable[str]) -> Iterator[BagMessage]:
        """Messages of these topics as they were recorded.

        Raises:
            BagError: the bag breaks off.
        """
        reader = self._open_reader()
        wanted = set(topics)
        connections = [connection for connection in reader.connections if connection.topic in wanted]
        if not connections:
            return
        try:
            for connection, recorded_ns, data in reader.messages(connections=connections):
                stamp_ns = stamp_of(connection.msgtype, data, recorded_ns)
                yield BagMessage(connection.topic, connection.msgtype, recorded_ns, stamp_ns, data)
        except BagError:
            raise
        except Exception as error:
            raise BagError(f"bag '{self.path}' is damaged: {str(error) or type(error).__name__}") from error

    def _open_reader(self) -> Reader:
        if self._reader is None:
            raise BagError(f"bag '{self.path}' is not open; use it in a with statement")
        return self._reader


def in_stamp_order(
    messages: Iterable[BagMessage], ranks: dict[str, int], window_ns: int = REORDER_WINDOW_NS
) -> Iterator[BagMessage]:
    """Put recorded messages of several topics in the order of their stamps, holding no more than a window of them.

    When stamps fall back by more than the window (a bag of a looped playback) everything held is given out first:
    the two runs are never mixed.

    Args:
        messages: in the order of recording.
        ranks: by topic, which comes first among equal stamps (smaller first).
        window_ns: how late a message may have been recorded.
    """
    held: list[tuple[int, int, int, BagMessage]] = []
    newest_ns: int | None = None
    for number, message in enumerate(messages):
        if newest_ns is not None and message.stamp_ns < newest_ns - window_ns:
            while held:
                yield heapq.heappop(held)[3]
            newest_ns = None
        newest_ns = message.stamp_ns if newest_ns is None else max(newest_ns, message.stamp_ns)
        heapq.heappush(held, (message.stamp_ns, ranks[message.topic], number, message))
        while held[0][0] < newest_ns - window_ns:
            yield heapq.heappop(held)[3]
    while held:
        yield heapq.heappop(held)[3]


class BagWriter:
    """A bag being written; it appears under its name only when it is complete.

    A path that ends in ``.mcap`` becomes a single MCAP file, any other a rosbag2 folder.
    """

    def __init__(self, path: Path | str, storage: str = "mcap", overwrite: bool = False) -> None:
        """Prepare.

        Args:
            path: where the bag shall be.
            storage: ``mcap`` or ``sqlite3``.
            overwrite: replace an existing bag.

        Raises:
            BagError: unknown storage, or the path is taken.
        """
        self.path = Path(path)
        if storage not in STORAGES:
            raise BagError(f"storage is '{storage}'; allowed: {', '.join(STORAGES)}")
        if self.path.suffix == ".mcap" and storage != "mcap":
            raise BagError(f"'{self.path}' names an MCAP file, storage is '{storage}'; give a folder's name instead")
        self._storage = storage
        self._check_free(overwrite)
        self._connections: dict[str, Connection] = {}

    def _check_free(self, overwrite: bool) -> None:
        if not self.path.exists():
            return
        is_bag = self.path.is_file() or (self.path / "metadata.yaml").exists()
        if not is_bag:
            raise BagError(f"'{self.path}' exists and is no bag; give another name")
        if not overwrite:
            raise BagError(f"bag '{self.path}' exists; give another name, or --force to replace it")

    def __enter__(self) -> BagWriter:
        """Start writing beside the final place."""
        from rosbags.rosbag2 import StoragePlugin

        _, writer_class = _rosbags()
        self._store = type_store()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
        plugin = StoragePlugin.MCAP if self._storage == "mcap" else StoragePlugin.SQLITE3
        self._writer: Writer = writer_class(
            self._scratch / self.path.stem, version=writer_class.VERSION_LATEST, storage_plugin=plugin
        )
        self._writer.open()
        return self

    def write(self, topic: str, msgtype: str, recorded_ns: int, data: bytes, latched: bool = False) -> None:
        """Add a serialised message.

        Args:
            topic: its topic, with the leading slash.
            msgtype: such as ``sensor_msgs/msg/Image``.
            recorded_ns: the bag's time of it.
            data: the message in CDR.
            latched: whether late subscribers get it too (counts when the topic is first written).
        """
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._writer.add_connection(
                topic, msgtype, typestore=self._store, offered_qos_profiles=[offered_qos(latched)]
            )
            self._connections[topic] = connection
        self._writer.write(connection, recorded_ns, data)

    def write_message(self, topic: str, message: Any, recorded_ns: int, latched: bool = False) -> None:
        """Add a message; see ``write``. Equal messages become equal bytes."""
        from rclpy.serialization import serialize_message

        # Fast CDR leaves whatever was in memory in the gaps between aligned fields; rosbags writes zeros there.
        msgtype = message_type(message)
        plain = read_plain(serialize_message(message), msgtype)
        self.write(topic, msgtype, recorded_ns, bytes(self._store.serialize_cdr(plain, msgtype)), latched)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and move the bag to its place; after an error nothing is left behind."""
        try:
            if kind is not None:
                self._writer.abort()
                return
            self._writer.close()
            if self.path.is_dir():
                shutil.rmtree(self.path)
            written = self._scratch / self.path.stem
            if self.path.suffix == ".mcap":
                written = written / f"{self.path.stem}.mcap"
            written.replace(self.path)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _rosbags() -> tuple[type[Reader], type[Writer]]:
    try:
        from rosbags.rosbag2 import Reader, Writer
    except ImportError as error:
        raise BagError("bags need the Python package 'rosbags'; install it with: pip install rosbags") from error
    return Reader, Writer
