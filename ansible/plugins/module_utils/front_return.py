"""Takes the front back to what the ledger says, for whoever had changed it before a release was recorded."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Callable

from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    front,
    front_change,
    front_snapshot,
    ledger,
    reconcile,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.history import History


def put_back(engine: Engine, params: dict[str, Any], home: Path) -> list[str]:
    """Let the front be that of the ledger's live release; returns what was done, nothing where it is that already.

    :param params: the options of :data:`environment.OPTIONS`.
    :raises EngineError, ProxyError, OSError, LedgerDamaged, SnapshotDamaged: it could not be done.
    """
    past = History(ledger.read(str(home / environment.LEDGER)))
    found = environment.find(engine, params, home, past)
    if not reconcile.front_differs(found):
        return []
    return reconcile.act(engine, home, found, reconcile.front_steps(found))


def go_back(engine: Engine, params: dict[str, Any], home: Path, traffic: Callable[[], Any]) -> Any:
    """Send the traffic back, by the front that the ledger says where the one that came with a release cannot be told.

    :param traffic: sends it back.
    :returns: what ``traffic`` returns, None where the front was put back instead, which sends the traffic back as well.
    :raises Exception: what ``traffic`` raises, also where the front cannot be put back either.
    """
    try:
        return traffic()
    except Exception:
        done: list[str] = []
        with contextlib.suppress(Exception):
            done = put_back(engine, params, home)
        if not done:
            raise
    return None


def remember(engine: Engine, home: Path, found: reconcile.Found) -> None:
    """Keep the front that serves, where nothing that is kept tells of it: another one is going to take its place.

    So it is with what an earlier version has deployed.
    """
    serves, live = reconcile.serving_front(found), found.live
    if found.front or live is None or serves is None or not reconcile.live_slot(found):
        return
    details = engine.container(serves["id"])
    if details:
        front_snapshot.remember(home, live, front_change.as_found(home, serves, details))


def bring_for(
    engine: Engine, found: reconcile.Found, place: front_change.Place, entry: dict[str, Any]
) -> list[dict[str, Any]]:
    """Let the front be that of an entry of the ledger, where it tells; returns the proxy's containers.

    :raises EngineError, ProxyError, OSError, SnapshotDamaged: it does not come up, and what was written before is.
    """
    wanted = front_snapshot.find(place.home, front_snapshot.with_entry(place.home, entry))
    if wanted is None:
        return list(found.fronts)
    front_change.bring(engine, wanted, place)
    return front.containers(engine, place.app, place.environment)
