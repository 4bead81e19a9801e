"""What the entries of one environment's ledger mean: what is live, verified, approved, and can be restored.

Everything here is a pure function of verified entries. The events it knows:

* ``deployed``: a release passed every check after cut-over and is live (``kind`` is deploy or rollback),
* ``failed``: a release did not, and what was live before still is,
* ``approved``: a person consented to one digest, ``config`` and ``front`` in one environment until ``expires``,
* ``aborted``: a later run closed an interrupted one, or a person ended a canary that waited,
* ``paused``: a canary waits for a person, with its ``weight``.

Other events are history too, but decide nothing.

**Release state.** What can be live, and gone back to, is a pair of digest and configuration hash.

**The way here.** A rollback without a version follows the way that led to the live state:

1. Deploying a new digest adds its state to the end of the way.
2. Deploying the digest that is live with another configuration adds a state too, so that a change of
   configuration alone can be undone.
3. Going back to a state on the way, by ``rollback`` or by deploying it again, cuts off what follows it.
4. Going back to an earlier release on the way with a new configuration cuts off that release and what
   follows, and adds the new state: the release keeps its place and counts by its newest configuration.

The target is the state before the last one that is still kept, or where none of them is, the one deployed last of
those that are. So rollbacks in a row go ever further back, never to and fro, and
never to a release that somebody has already gone back from: after 1, 2, 3 and a rollback to 2, the next goes
to 1; after 1, 2, 3, a rollback to 2 and a deployment of 4, it goes to 2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.slipway.core.plugins.module_utils.ledger import parse_time

Entry = dict[str, Any]

REQUIRED_FIELDS = {
    "deployed": ("version", "digest", "config"),
    "approved": ("version", "digest", "environment", "approved_by", "expires"),
    "paused": ("version", "digest", "config", "container_run"),
}


TEMPLATE = "the template of HAProxy's configuration"
"""The name of what differs in a front beside its settings."""


class NoRollback(Exception):
    """There is nothing to go back to; the message says why in one sentence."""


class State(NamedTuple):
    """A release together with the configuration it ran with."""

    digest: str
    config: str


class ApprovalStatus(Enum):
    """Whether a release may go on, or the nearest reason why it may not."""

    VALID = "valid"
    NONE = "none"
    EXPIRED = "expired"
    USED = "used"
    OTHER_RELEASE = "other_release"
    OTHER_BINDING = "other_binding"


class Bound(NamedTuple):
    """What an approval is bound to beside the digest; ``front`` is None where nobody tells.

    ``settings`` has a fingerprint of each setting of both, by which is told what differs.
    """

    config: str
    front: str | None = None
    settings: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Approval:
    """The answer to "is this digest approved?".

    ``entry`` is the approval that the status is about (None for NONE), ``used_by`` the seq of the entry that
    used it up (only for USED), ``explanation`` one clause for people, without a full stop.
    """

    status: ApprovalStatus
    explanation: str
    entry: Entry | None = None
    used_by: int | None = None

    @property
    def valid(self) -> bool:
        """Whether the release may go on."""
        return self.status is ApprovalStatus.VALID


def check_fields(event: str, fields: dict[str, Any]) -> None:
    """Raise ValueError if an event lacks a field that decisions depend on; check before appending it."""
    for name in REQUIRED_FIELDS.get(event, ()):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise ValueError(f"the event {event} needs the field {name} as a text")
    if event == "approved":
        parse_time(fields["expires"])


class History:
    """The history of one environment, from the verified entries of its ledger, oldest first.

    Raises ValueError if an entry lacks what the decisions need.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)
        self._deployed: list[Entry] = []
        self._approved: list[Entry] = []
        self._used: dict[int, int] = {}
        for entry in self._entries:
            try:
                check_fields(entry["event"], entry)
            except ValueError as error:
                raise ValueError(f"ledger entry {entry['seq']}: {error}") from None
            self._sort_in(entry)
        self._verified = frozenset(str(entry["digest"]) for entry in self._deployed)
        self._way = _way_here(self._deployed)

    def _sort_in(self, entry: Entry) -> None:
        event, approval = entry["event"], entry.get("approval")
        if event == "deployed":
            self._deployed.append(entry)
        elif event == "approved":
            self._approved.append(entry)
        if event in ("deployed", "failed", "paused") and type(approval) is int and approval < entry["seq"]:
            self._used.setdefault(approval, entry["seq"])

    def live(self) -> Entry | None:
        """Return the ``deployed`` entry of what should get traffic, None before the first deployment."""
        return self._deployed[-1] if self._deployed else None

    def before_live(self) -> Entry | None:
        """Return the ``deployed`` entry before the live one, None when there is none."""
        return self._deployed[-2] if len(self._deployed) > 1 else None

    def paused(self) -> Entry | None:
        """Return the ``paused`` entry of a canary that waits for a person, None when none does."""
        for entry in reversed(self._entries):
            if entry["event"] == "paused":
                return entry
            # What a run has reconciled on its way is no decision on the canary.
            given_up = entry["event"] == "aborted" and "reconciled" not in entry
            if given_up or entry["event"] in ("deployed", "failed"):
                return None
        return None

    def tells_of(self, run: str) -> bool:
        """Return whether an entry says how a run ended: its own, or that of a run which took its lock over."""
        return any(run in _ended_by(entry) for entry in self._entries)

    def failed_runs(self, keep: int) -> list[str]:
        """Return the runs of the ``keep`` newest failed attempts, whose containers are kept to be looked at."""
        return [str(entry["run"]) for entry in self._failed(keep) if entry.get("run")]

    def failed_states(self, keep: int) -> list[State]:
        """Return digest and configuration of the ``keep`` newest failed attempts."""
        return [State(str(it["digest"]), str(it["config"])) for it in self._failed(keep) if it.get("digest")]

    def _failed(self, keep: int) -> list[Entry]:
        failed = [entry for entry in self._entries if entry["event"] == "failed"]
        return failed[::-1][:keep]

    def verified_runs(self) -> frozenset[str]:
        """Return the runs that made the containers which have been live."""
        return frozenset(str(entry.get("container_run") or entry.get("run") or "") for entry in self._deployed)

    def verified_digests(self) -> frozenset[str]:
        """Return every digest that has passed all checks after cut-over here."""
        return self._verified

    def is_verified(self, digest: str) -> bool:
        """Return whether this digest has passed all checks after cut-over here."""
        return digest in self._verified

    def find_verified(self, version: str) -> Entry | None:
        """Return the newest ``deployed`` entry of a version: its newest verified configuration."""
        return next((entry for entry in reversed(self._deployed) if entry["version"] == version), None)

    def rollback_target(self, version: str | None = None, kept: Collection[str] | None = None) -> Entry:
        """Return the ``deployed`` entry whose state a rollback restores.

        Without a version it is the state before the live one on the way here (see the module's text). With
        one it is that version's newest verified state; if that is the live one, there is nothing to do.
        ``kept`` are the hashes of the configurations that are there still, None for all of them: a state whose
        configuration was pruned is no target.

        Raises NoRollback if there is none.
        """
        if not self._deployed:
            raise NoRollback("nothing has been verified here yet, so there is nothing to go back to")
        if version is None:
            return self._target_before_live(kept)
        if self.find_verified(version) is None:
            raise NoRollback(f"version {version} was never verified here; verified: {self._versions()}")
        for entry in reversed(self._deployed):
            if entry["version"] == version and (kept is None or entry["config"] in kept):
                return entry
        raise NoRollback(f"version {version} is not kept any more (see deploy_keep_releases)")

    def _target_before_live(self, kept: Collection[str] | None) -> Entry:
        if len(self._way) < 2:
            raise NoRollback(
                f"no verified release comes before {self._way[-1]['version']}, which is live; "
                f"verified: {self._versions()}"
            )
        if kept is None:
            return self._way[-2]
        live = _state(self._way[-1])
        for entry in [*reversed(self._way[:-1]), *reversed(self._deployed)]:
            if entry["config"] in kept and _state(entry) != live:
                return entry
        raise NoRollback("none of the earlier releases is kept any more (see deploy_keep_releases)")

    def _versions(self) -> str:
        newest_first = dict.fromkeys(str(entry["version"]) for entry in reversed(self._deployed))
        return ", ".join(newest_first)

    def approval_for(
        self, digest: str, now: datetime, environment: str | None = None, bound: Bound | None = None
    ) -> Approval:
        """Return the approval of a digest that may be used now, or the nearest reason why there is none.

        An approval is used up by a later ``deployed``, ``failed`` or ``paused`` entry whose ``approval`` is its seq,
        and expires at its ``expires``. With ``environment``, approvals for another environment do not count,
        and with ``bound`` none that was given for another configuration or front.

        Raises ValueError if ``now`` has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError(f"the time {now} has no time zone")
        newest_first = [
            self._judge(entry, now, bound)
            for entry in reversed(self._approved)
            if environment is None or entry["environment"] == environment
        ]
        mine = [approval for approval in newest_first if _digest(approval) == digest]
        if mine:
            return next((approval for approval in mine if approval.valid), mine[0])
        for approval in newest_first:
            if approval.status in (ApprovalStatus.VALID, ApprovalStatus.OTHER_BINDING) and approval.entry:
                entry = approval.entry
                text = f"{_name(entry)} is for {entry['version']} ({entry['digest']}), not for this release"
                return Approval(ApprovalStatus.OTHER_RELEASE, text, entry)
        return Approval(ApprovalStatus.NONE, "nobody has approved this release")

    def _judge(self, entry: Entry, now: datetime, bound: Bound | None) -> Approval:
        used_by = self._used.get(entry["seq"])
        if used_by is not None:
            return Approval(
                ApprovalStatus.USED, f"{_name(entry)} was used up by entry {used_by}", entry, used_by=used_by
            )
        if now >= parse_time(entry["expires"]):
            return Approval(ApprovalStatus.EXPIRED, f"{_name(entry)} expired at {entry['expires']}", entry)
        difference = _difference(entry, bound) if bound else ""
        if difference:
            return Approval(ApprovalStatus.OTHER_BINDING, f"{_name(entry)} {difference}", entry)
        return Approval(ApprovalStatus.VALID, f"{_name(entry)} is valid until {entry['expires']}", entry)

    def protected(self, keep: int) -> list[State]:
        """Return the states that must not be pruned, the live one first.

        They are the live state, the ``keep`` states before it on the way here (what rollbacks in a row
        restore), the ``keep`` other verified states deployed last, and the newest state of each of the ``keep``
        other releases deployed last (what a rollback may name), however often the configuration has changed, and that
        of a canary that waits.

        Raises ValueError if ``keep`` is negative.
        """
        if keep < 0:
            raise ValueError(f"cannot keep {keep} releases")
        waiting = self.paused()
        canary = [_state(waiting)] if waiting else []
        if not self._deployed:
            return canary
        live = _state(self._deployed[-1])
        way = [_state(entry) for entry in reversed(self._way)][1 : keep + 1]
        recent = list(dict.fromkeys(_state(entry) for entry in reversed(self._deployed)))[1 : keep + 1]
        newest = {entry["digest"]: _state(entry) for entry in self._deployed}
        releases = list(dict.fromkeys(str(entry["digest"]) for entry in reversed(self._deployed)))
        others = [newest[digest] for digest in releases if digest != live.digest][:keep]
        return list(dict.fromkeys([live, *canary, *way, *recent, *others]))

    def protected_entries(self, keep: int) -> list[Entry]:
        """Return the entries whose fronts must not be pruned: those with which the protected states were verified last,
        and the one before the live one, which a run on several hosts may go back to.
        """
        newest = {_state(entry): entry for entry in self._deployed}
        entries = [newest.get(state) for state in self.protected(keep)]
        return [entry for entry in [*entries, self.live(), self.before_live(), self.paused()] if entry]

    def retention(self) -> tuple[int, int] | None:
        """Return how many verified releases and failed attempts are kept here, None where no entry tells."""
        for entry in reversed(self._deployed):
            told = entry.get("keep"), entry.get("keep_failed")
            if all(type(it) is int for it in told):
                return told  # type: ignore[return-value]
        return None

    def recent(self, count: int) -> list[Entry]:
        """Return the last ``count`` entries, newest first; raises ValueError if it is negative."""
        if count < 0:
            raise ValueError(f"cannot show {count} entries")
        return self._entries[::-1][:count]


def _ended_by(entry: Entry) -> set[str]:
    if "reconciled" not in entry:
        return {str(entry.get("run"))}
    interrupted = entry.get("interrupted") or {}
    return {str(interrupted.get("run")), *interrupted.get("after", [])}


def _state(entry: Entry) -> State:
    return State(entry["digest"], entry["config"])


def _digest(approval: Approval) -> str | None:
    return approval.entry["digest"] if approval.entry else None


def _difference(approval: Entry, bound: Bound) -> str:
    """Why an approval is not for this configuration and front, as a clause; empty where it is."""
    given, asked = approval.get("config"), bound.config
    if not given:
        return "does not say for which configuration it was given, as those of earlier versions"
    found = [] if given == asked else [f"the configuration {given}, and that is {asked} now"]
    if bound.front is not None and (approval.get("front") or "") != bound.front:
        found.append(f"the front {approval.get('front') or 'none'}, and that is {bound.front or 'none'} now")
    names = _differing(approval.get("settings") or {}, bound.settings) if found else []
    which = f" (other settings: {', '.join(names)})" if names else ""
    return f"was given for {' and for '.join(found)}{which}" if found else ""


def _differing(approved: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """The settings whose fingerprints differ; none where one side has none, as approvals of earlier versions."""
    if not approved or not asked:
        return []
    names = sorted(name for name in {*approved, *asked} if approved.get(name) != asked.get(name))
    # It has the settings in it.
    return [name for name in names if name != TEMPLATE] or names


def _name(approval: Entry) -> str:
    return f"the approval by {approval['approved_by']} (entry {approval['seq']})"


def _way_here(deployed: Sequence[Entry]) -> list[Entry]:
    """Return one entry for each state on the way to the live one, the live one last."""
    way: list[Entry] = []
    places: dict[State, int] = {}
    first_places: dict[str, int] = {}  # a release's states are neighbours: rules 2 and 4 add at the end only

    def cut(length: int) -> None:
        while len(way) > length:
            state = _state(way.pop())
            del places[state]
            if first_places[state.digest] == len(way):
                del first_places[state.digest]

    for entry in deployed:
        state = _state(entry)
        live = way[-1]["digest"] if way else None
        if state in places:
            cut(places[state])
        elif state.digest in first_places and state.digest != live:
            cut(first_places[state.digest])
        places[state] = len(way)
        first_places.setdefault(state.digest, len(way))
        way.append(entry)
    return way
