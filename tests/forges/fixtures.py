"""A controller's view of a test server: connected, with a clock that nobody waits for."""

from dataclasses import dataclass, field

from controller.edge.forge.connect import Remote, connect
from controller.edge.forge.patience import Patience
from forges.server import ForgeServer


@dataclass
class Clock:
    """Moves when somebody sleeps, and remembers for how long."""

    now: float = 1_795_521_600.0  # 2026-11-24 12:00 UTC
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, **changes: float) -> Patience:
        """Patience by this clock, with the longest jitter there is."""
        return Patience(sleep=self.sleep, clock=lambda: self.now, chance=lambda: 1.0, **changes)  # type: ignore[arg-type]


def connected(server: ForgeServer, clock: Clock | None = None, **changes: object) -> Remote:
    """Connect to a server as a controller does whose origin is a file."""
    settings = {"api": server.api, "project": server.project, "patience": (clock or Clock()).patience()}
    return connect(
        server.forge, "file:///srv/infra.git", server.environment, **{**settings, "limit_seconds": 5.0, **changes}
    )
