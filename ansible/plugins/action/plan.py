"""Controller side of M(slipway.core.plan): what a deployment is going to change."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils import drift, labels


class ActionModule(ActionBase):
    """Compares the release and configuration asked for with what is live."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "release": {"type": "dict", "required": True},
                "opened": {"type": "dict", "required": True},
            }
        )
        release, opened = args["release"], args["opened"]
        if not release["version"]:
            reason = f"{release['digest'][:19]} has no version in its label, and the ledger needs one"
            return {"failed": True, "changed": False, "msg": f"{reason}: add -e version=N.N.N."}
        live, changes = opened["live"], opened["config_diff"]
        before = {"version": live["version"], "digest": live["digest"]} if live else {}
        after = {"version": release["version"], "digest": release["digest"]}
        before["configuration"], after["configuration"] = changes["before"], changes["after"]
        before["serving"], after["serving"] = bool(opened["serving"]), True
        same = bool(live) and live["digest"] == release["digest"] and live["config"] == opened["config"]
        replaced = [item for item in opened["drift"] if item["repair"] == drift.REPLACE] if same else []
        # A container that is found stopped in check mode, a run would have started before.
        unchanged = same and not replaced and bool(opened["serving"] or self._task.check_mode)
        # A release that is live already, before which another front is put, is gated and recorded as any other.
        behind = bool(live) and live.get("slot") in labels.BEHIND_PROXY
        front_changes = same and behind and opened["front"] not in (None, live.get("front"))
        renewed = same and behind and opened["certificate"] != (live.get("certificate") or "")
        refront = unchanged and (front_changes or renewed)
        if not unchanged or refront:
            before["front"], after["front"] = opened["front_diff"]["before"], opened["front_diff"]["after"]
        if replaced:
            shown = drift.diff(replaced)
            before["drift"], after["drift"] = shown["before"], shown["after"]
        return {
            "changed": bool(self._task.check_mode and (refront or not unchanged)),
            "front_changes": front_changes,
            "refront": refront,
            "unchanged": unchanged,
            "repair": same and not unchanged,
            "warm": self._is_warm(release, opened),
            "diff": {"before": before, "after": after} if not unchanged or refront else {},
            "story": self._story(release, live, unchanged, same, replaced, refront),
        }

    @staticmethod
    def _is_warm(release: dict[str, Any], opened: dict[str, Any]) -> bool:
        """Whether the standby is this release with this configuration, and runs: then only traffic has to move."""
        standby = opened["slots"]["standby"]
        return bool(
            opened["slots"]["warm"]
            and standby["digest"] == release["digest"]
            and standby["config"] == opened["config"]
        )

    @staticmethod
    def _story(
        release: dict[str, Any],
        live: Any,
        unchanged: bool,
        same: bool,
        replaced: list[dict[str, Any]],
        refront: bool,
    ) -> str:
        wanted = f"{release['version']} ({release['digest'][:19]})"
        if refront:
            return f"{wanted} is live with this configuration already, and will get another front"
        if unchanged:
            return f"{wanted} is live with this configuration already"
        if live is None:
            return f"{wanted} will be the first release here"
        if live["digest"] != release["digest"]:
            return f"{wanted} will replace {live['version']} ({live['digest'][:19]})"
        if replaced:
            return f"{wanted} will get a new container: {'; '.join(item['told'] for item in replaced)}"
        return f"{wanted} will be started again" if same else f"{wanted} will get a changed configuration"
