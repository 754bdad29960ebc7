"""Records topics as the bytes that they are, so that recording costs the running graph next to nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile

from spp_sorter.ros.bag_types import message_class, stamp_of
from spp_sorter.ros.bags import BagMessage
from spp_sorter.ros.queued import QueuedGroup, take_waiting

TAKE_PERIOD_S = 0.02
"""Messages wait in the middleware for this long: taking many at once is cheap, waking up for each is not."""


@dataclass(frozen=True, slots=True)
class RecordedTopic:
    """A topic to record.

    Attributes:
        name: with the leading slash.
        msgtype: such as ``sensor_msgs/msg/Image``.
        qos: of the subscription.
        spooled: whether the messages are large and wait on disk instead of in memory.
    """

    name: str
    msgtype: str
    qos: QoSProfile
    spooled: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it came.

    Attributes:
        received_ns: when the middleware received it here.
        published_ns: when the publisher wrote it, by the middleware's own stamp.
        stamp_ns: its header's stamp.
        offset: where it lies in the spool file, -1 for in memory.
        size: bytes of it.
        data: the message in CDR; empty when it is spooled.
    """

    received_ns: int
    published_ns: int
    stamp_ns: int
    offset: int
    size: int
    data: bytes


class Recorder(Node):
    """Subscribes to topics and keeps what comes, undecoded; spin it with any executor.

    Args:
        topics: what to record.
        spool: file for large messages; gone when the recorder is left.
        kwargs: passed to the node.
    """

    def __init__(self, topics: tuple[RecordedTopic, ...], spool: Path, **kwargs: Any) -> None:
        super().__init__("recorder", **kwargs)
        self.topics = {topic.name: topic for topic in topics}
        self.records: dict[str, list[Record]] = defaultdict(list)
        self._spool_path = spool
        self._spool: BinaryIO = spool.open("w+b")
        group = QueuedGroup()
        self._queued = [
            (topic, self.create_subscription(kind, topic.name, self._ignore, topic.qos, callback_group=group, raw=True))
            for topic in topics
            for kind in (message_class(topic.msgtype),)
        ]
        for topic in topics:
            self.records[topic.name]
        self.create_timer(TAKE_PERIOD_S, self._take_all)

    @staticmethod
    def _ignore(_: object) -> None:
        """No executor calls it: the messages are taken."""

    def _take_all(self) -> None:
        for topic, subscription in self._queued:
            for data, info in take_waiting(subscription, topic.qos.depth):
                self.records[topic.name].append(self._record_of(topic, data, info))

    def _record_of(self, topic: RecordedTopic, data: bytes, info: Mapping[str, Any]) -> Record:
        offset = -1
        if topic.spooled:
            offset = self._spool.seek(0, 2)
            self._spool.write(data)
        received_ns = int(info["received_timestamp"]) or int(self.get_clock().now().nanoseconds)
        stamp_ns = stamp_of(topic.msgtype, data[:16], received_ns)
        kept = b"" if topic.spooled else bytes(data)
        return Record(received_ns, int(info["source_timestamp"]), stamp_ns, offset, len(data), kept)

    def messages(self, topic: str) -> Iterator[BagMessage]:
        """What came on a topic, in the order of arrival."""
        msgtype = self.topics[topic].msgtype
        for record in self.records[topic]:
            data = record.data
            if record.offset >= 0:
                self._spool.seek(record.offset)
                data = self._spool.read(record.size)
            yield BagMessage(topic, msgtype, record.received_ns, record.stamp_ns, data)

    def status(self, topic: str, name: str, newer_than_ns: int = 0) -> dict[str, str] | None:
        """Values of the newest diagnostic status called ``name``, with its ``level`` (0 to 3) and ``message``.

        Args:
            topic: of the diagnostics.
            name: of the status.
            newer_than_ns: reception that it must be newer than.

        Returns:
            None when there is none.
        """
        for record in reversed(self.records[topic]):
            if record.received_ns <= newer_than_ns:
                return None
            message: DiagnosticArray = BagMessage(topic, self.topics[topic].msgtype, 0, 0, record.data).decode()
            for status in message.status:
                if status.name == name:
                    values = {value.key: value.value for value in status.values}
                    return {**values, "level": str(status.level[0]), "message": status.message}
        return None

    def __enter__(self) -> Recorder:
        """Already recording."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the node and delete the spool file."""
        self.destroy_node()
        self._spool.close()
        self._spool_path.unlink(missing_ok=True)
