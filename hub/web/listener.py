"""Takes connections, as many as the process's descriptors allow, and ends those that only sit there.

asyncio's own server takes whatever comes until descriptors run out, and then writes a hundred tracebacks a
second. Here a newcomer takes the place of whoever is furthest behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import resource
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import HttpProcessingError

from hub.web.peer import IDLE_S, LINGER_S, Peer, has_come

if TYPE_CHECKING:
    import socket

    from aiohttp import web

    from hub.web.tally import Tally

MOST_CONNECTIONS = 4096
"""However many descriptors there are: each connection takes memory too."""
LEAST_RESERVE = 96
"""Descriptors that are left to the database, to the engine's own calls and to files."""
RESERVED_SHARE = 4
"""Or a quarter of all of them, where that is more."""
FEWEST_CONNECTIONS = 16
MOST_HELD = 64 * 1024 * 1024
"""Bytes of requests, all connections together, whose senders have not proved who they are."""
BACKLOG = 1024
"""Connections that the kernel keeps until they are taken; it may have a bound of its own (``somaxconn``)."""
TAKEN_AT_ONCE = 32
"""So that taking connections does not hold up answering them."""
PATIENCE_S = 0.1
"""Nobody has to give way who is not even this far behind."""
LOOK_S = 1.0
REST_S = 0.1
"""How long nothing is taken when there is no room, or no descriptor."""
ENDED = "connections were ended that asked nothing or were too slow"
NOT_TAKEN = "connections had to wait outside"
UNREAD = "what came was no HTTP request"


def most_connections(descriptors: int) -> int:
    """How many connections are open at most.

    Args:
        descriptors: how many files and sockets the process may have open (``ulimit -n``).
    """
    left = descriptors - max(LEAST_RESERVE, descriptors // RESERVED_SHARE)
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, left))


def descriptors() -> int:
    """How many files and sockets this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else MOST_CONNECTIONS * RESERVED_SHARE


class Listener:
    """Takes connections until it is stopped.

    Args:
        runner: of the application, set up.
        tally: where it says what it ended.
        most: connections at one time.
    """

    def __init__(self, runner: web.AppRunner, tally: Tally, *, most: int) -> None:
        self._runner = runner
        self._tally = tally
        self._most = most
        self._sockets: list[socket.socket] = []
        self._peers: set[Peer] = set()
        self._held = 0
        self._arriving: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._rest: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens.

        Args:
            host: a name or an address.
            port: 0 for any free one.

        Returns:
            The port.

        Raises:
            OSError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        # asyncio knows how to bind a name with several addresses; it takes nothing itself.
        bound = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
        self._sockets = [each.dup() for each in bound.sockets]
        bound.close()
        for each in self._sockets:
            each.setblocking(False)
            each.listen(BACKLOG)
        self._watch()
        self._looking = asyncio.create_task(self._look())
        return int(self._sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Takes nothing new; what is connected stays."""
        self._unwatch()
        for each in self._sockets:
            each.close()
        self._sockets = []

    async def close(self) -> None:
        """Stops, and looks after nobody any more: when aiohttp has ended all connections."""
        self.stop()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        await asyncio.gather(*self._arriving, return_exceptions=True)

    @property
    def holding(self) -> int:
        """Bytes of requests whose senders have not proved who they are."""
        return self._held

    def held(self, count: int) -> None:
        """See :class:`~hub.web.peer.Watcher`."""
        self._held += count
        if count <= 0 or self._held <= MOST_HELD:
            return
        for peer in self._most_behind():
            if peer.holds:
                self._drop([peer], "too_much_held")
            if self._held <= MOST_HELD:
                return

    def gone(self, peer: Peer) -> None:
        """See :class:`~hub.web.peer.Watcher`."""
        self._peers.discard(peer)

    def unread(self, error: BaseException | None) -> None:
        """See :class:`~hub.web.peer.Watcher`."""
        if isinstance(error, HttpProcessingError):
            self._tally.count(UNREAD, type(error).__name__)
        else:
            self._tally.warn("a connection broke off", {}, trace=error)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._rest = None
        for each in self._sockets:
            loop.add_reader(each, self._take, each)

    def _unwatch(self) -> None:
        loop = asyncio.get_running_loop()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        for each in self._sockets:
            loop.remove_reader(each)

    def _pause(self, reason: str) -> None:
        """Takes nothing for a moment: the kernel keeps who comes meanwhile."""
        self._tally.count(NOT_TAKEN, reason)
        self._unwatch()
        self._rest = asyncio.get_running_loop().call_later(REST_S, self._watch)

    def _take(self, listening: socket.socket) -> None:
        for _ in range(TAKEN_AT_ONCE):
            if len(self._peers) >= self._most and has_come(listening) and not self._make_room():
                self._pause("all_busy")
                return
            try:
                line, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # Mostly that no descriptor is left; the rest is what the network says of the newcomer.
                self._make_room()
                self._pause(errno.errorcode.get(error.errno or 0, "failed"))
                return
            line.setblocking(False)
            self._arrive(line)

    def _arrive(self, line: socket.socket) -> None:
        if self._runner.server is None:  # the hub ends
            line.close()
            return
        peer = Peer(self, self._runner.server, **self._options())
        self._peers.add(peer)
        task = asyncio.create_task(self._connect(peer, line))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _connect(self, peer: Peer, line: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: peer, line)
        except OSError:  # it is gone again
            line.close()
            self._peers.discard(peer)

    def _options(self) -> dict[str, Any]:
        return {
            "loop": asyncio.get_running_loop(),
            "keepalive_timeout": IDLE_S,
            "lingering_time": LINGER_S,
            "access_log": None,
            # Nothing of the hub takes a packed body, so none is unpacked.
            "auto_decompress": False,
        }

    def _most_behind(self, at_least_s: float = -math.inf) -> list[Peer]:
        """Those whose turn it is: who never proved who they are first, and then who is furthest behind."""
        now = monotonic()
        found = [(peer.was_proved, -behind, peer) for peer in self._peers if (behind := peer.behind(now))]
        found = [each for each in found if -each[1] >= at_least_s]
        found.sort(key=lambda each: each[:2])
        return [peer for _, _, peer in found]

    def _make_room(self) -> bool:
        """Ends a few connections, since finding them means a look at all; False when none gives way."""
        most = 1 + len(self._peers) // 20
        # Nobody is ended because the hub itself is slow to read what they sent.
        silent = (peer for peer in self._most_behind(PATIENCE_S) if not peer.is_unheard())
        found = list(islice(silent, most))
        self._drop(found, "gave_way")
        return bool(found)

    def _drop(self, peers: list[Peer], reason: str) -> None:
        for peer in peers:
            self._tally.count(ENDED, reason)
            self._peers.discard(peer)
            peer.drop()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                now = monotonic()
                self._drop([peer for peer in self._peers if peer.is_overdue(now)], "too_late")
                self._tally.tick()
            except Exception as error:  # noqa: BLE001 - nobody else would end what only sits there
                self._tally.warn("the look at connections broke off", {}, trace=error)
