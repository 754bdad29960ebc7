"""Whether a node still hears its publishers after its process has stood still.

A process that gets no processor for a second or more (stopped, swapped out, its machine suspended) is taken for dead by
Fast DDS's shared memory, and its port is made anew. Where several processes do that at once, they and the node can be
left with different ports (https://github.com/eProsima/Fast-DDS/issues/5469): all are matched, and nothing arrives, for
ever. Only a new participant helps. Silence alone does not prove it, for a camera may be silent; silence that begins
where the process stood still does.
"""

from __future__ import annotations

from collections import deque

STANDSTILL_S = 0.45
"""Time without a look after which the process has stood still: what Fast DDS allows a listener with
``config/fastdds.xml``, and half of what it allows with settings of its own."""

RATE_S = 5.0
"""Messages are counted over this long to know how many to expect."""

SETTLE_S = 0.15
"""After a standstill, until what was waiting has been taken."""

EXPECTED = 3.0
"""Messages that must be missing."""

LISTEN_S = (0.3, 8.0)
"""Shortest and longest time of silence; publishers too slow for the latter are not judged."""


class Hearing:
    """Judges by how many messages have been heard in all; ask it several times a second."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()
        self._since_s = 0.0
        self._listen_s = 0.0
        self._heard: int | None = None

    def is_lost(self, now_s: float, heard: int) -> bool:
        """Whether nothing is heard any more since the process stood still; true once for each standstill.

        Args:
            now_s: seconds of the steady clock.
            heard: messages of any kind heard so far.
        """
        if self._looks and now_s - self._looks[-1][0] > STANDSTILL_S:
            self._stood_still(now_s)
        self._looks.append((now_s, heard))
        while self._looks[0][0] < now_s - RATE_S:
            self._looks.popleft()
        listening_s = now_s - self._since_s - SETTLE_S
        if not self._listen_s or listening_s < 0.0:
            return False
        if self._heard is None:
            self._heard = heard
        lost = heard == self._heard and listening_s >= self._listen_s
        if lost or heard > self._heard:
            self._listen_s = 0.0
        return lost

    def _stood_still(self, now_s: float) -> None:
        (first_s, first), (last_s, last) = self._looks[0], self._looks[-1]
        rate = (last - first) / max(last_s - first_s, 1e-3)
        listen_s = max(EXPECTED / max(rate, 1e-3), LISTEN_S[0])
        self._since_s, self._heard = now_s, None
        self._listen_s = listen_s if listen_s <= LISTEN_S[1] else 0.0
        self._looks.clear()
