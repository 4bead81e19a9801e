#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: cut_over
short_description: Send the traffic of an environment to the other slot, and take it back when that was wrong
description:
  - Asks the slot once more for its health, moves all traffic to it through HAProxy's runtime API without a reload,
    writes the configuration for HAProxy's next start, and asks the public port until it answers healthy.
  - With O(hold), health and the share of 5xx answers are watched for so long. Trouble moves the traffic back at
    once, on the target itself, and fails.
  - With O(verify=false) it only moves the traffic, back to what was live, also where the disk is full or read-only.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.environment
  - slipway.core.watch
options:
  to:
    description: Slot that gets the traffic. Empty for none, as before the first deployment.
    type: str
    required: true
  slot_url:
    description: Where O(to) is asked directly, without the path.
    type: str
    default: ""
  restart_policy:
    description: What Docker does from now on when O(container) stops.
    type: str
    default: unless-stopped
  soak_latency:
    description: Whether a release that answers much more slowly than the one before it, over the same time, is only
      told of or moved back.
    type: str
    choices: [warn, convict]
    default: warn
  verify:
    description: Whether to ask for health before and after.
    type: bool
    default: true
  run:
    description: The run that moves traffic, which has to hold the environment's lock still.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Says whether HAProxy's configuration would change.
  diff_mode:
    support: full
    description: Shows what changes in HAProxy's configuration.
"""

EXAMPLES = r"""
- name: Cut-over | Send the traffic to green
  slipway.core.cut_over:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    to: green
    slot_url: http://127.0.0.1:28081
    url: http://127.0.0.1:8081
    check: {path: /health}
    version: 1.0.42
    container: myapp-staging-green
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
flip_ms:
  description: Milliseconds that HAProxy took to move the traffic.
  returned: changed
  type: float
moved_at:
  description: When the traffic had moved, in seconds since the epoch.
  returned: changed
  type: float
soak:
  description: Requests and errors on the new slot while it was watched.
  returned: changed, with O(verify=true)
  type: dict
probes:
  description: As of M(slipway.core.healthy), of the public port.
  returned: with O(verify=true)
  type: list
  elements: dict
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    front,
    front_return,
    labels,
    soak,
    standby_mark,
    verdict,
    way_back,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError, Routes, all_to, shared
from ansible_collections.slipway.core.plugins.module_utils.probe import judge
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure
from ansible_collections.slipway.core.plugins.module_utils.watch import OPTIONS, Watch, expected, fetch

SERVER_ERRORS = 500


class Refused(Exception):
    """The traffic was not moved, or was moved back; ``result`` is what the module returns."""

    def __init__(self, **result: Any) -> None:
        super().__init__(result["msg"])
        self.result = result


class CutOver:
    """One movement of all traffic of an environment.

    :param params: the module's options.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params
        self.home: Path = environment.home(params["directory"], params["app"], params["environment"])
        self.files = front.Front(self.home)
        # The application has no use for the word that passes the proxy's page.
        self.direct = {**params, "bypass_file": None}
        self.engine = Engine()
        self.before = self.files.config()

    def prove(self) -> None:
        """Ask the slot itself: what is not healthy at this moment gets no traffic."""
        answer = fetch(self.params["slot_url"].rstrip("/") + self.params["check"]["path"], self.direct)
        trouble = judge(answer, expected(self.params))
        if trouble:
            raise Refused(
                msg=f"The slot {self.params['to']} is not healthy just before the cut-over: {trouble}",
                body=answer["content"],
            )

    def move(self) -> dict[str, Any]:
        """Move the traffic, and watch what becomes of it: it goes back unless the release passes.

        :raises Refused: it was moved back.
        """
        if not self.params["verify"]:
            return self._move_back()
        fronts, previous = self._there()

        def traffic() -> None:
            front.route(self.home, fronts, previous)
            self.files.write_config(self.before)

        def back() -> None:
            front_return.go_back(self.engine, self.params, self.home, traffic)
            # It came with the release: the controller may be gone, and so whoever would take it back.
            front_return.put_back(self.engine, self.params, self.home)

        with way_back.unless_it_stays(back, "the traffic") as move:
            done = self._route_and_watch(fronts, previous)
            move.stays = True
        return done

    def _there(self) -> tuple[list[dict[str, Any]], Routes]:
        """The proxy's containers, and where they send requests."""
        fronts = front.containers(self.engine, self.params["app"], self.params["environment"])
        routes = front.routes(self.home, fronts)
        if routes is None:
            raise ProxyError(f"no proxy runs for {self.params['app']}-{self.params['environment']}")
        return fronts, routes

    def _move_back(self) -> dict[str, Any]:
        began = time.monotonic()
        moved = front_return.go_back(self.engine, self.params, self.home, lambda: self._route(*self._there()))
        took = round((time.monotonic() - began) * 1000, 1)
        return moved or {"flip_ms": took, "moved_at": round(time.time(), 3), "changed": True}

    def _route(self, fronts: list[dict[str, Any]], previous: Routes) -> dict[str, Any]:
        """Send all traffic to the slot, now and when HAProxy starts again."""
        proven = self.params["slot_url"].rpartition("/")[2]
        addresses = {self.params["to"]: proven} if proven else {}
        spoken = {self.params["to"]: self.params["check"]["protocol"]} if proven else {}
        wanted = Routes(all_to(self.params["to"]), "", previous.maintenance, addresses, spoken)
        began = time.monotonic()
        front.route(self.home, fronts, wanted)
        moved = {"flip_ms": round((time.monotonic() - began) * 1000, 1), "moved_at": round(time.time(), 3)}
        wrote = self.files.start_with(self.params["to"], spoken)
        return {**moved, "changed": wrote or previous != wanted}

    def _route_and_watch(self, fronts: list[dict[str, Any]], previous: Routes) -> dict[str, Any]:
        if self.params["container"]:
            self.engine.update_restart_policy(self.params["container"], self.params["restart_policy"])
        newest = front.serving(self.home, fronts)[0]
        other = next((slot for slot, weight in previous.weights.items() if weight and slot != self.params["to"]), "")

        def share(weight: int) -> None:
            weights = shared(other, self.params["to"], weight)
            front.route(self.home, fronts, Routes(weights, maintenance=previous.maintenance))

        def gone() -> str:
            return self.engine.ended(self.params["container"])

        watched = soak.Soak(newest, self.params["to"], share if other else None, gone, self.params["soak_latency"])
        moved = self._route(fronts, previous)
        seen = Watch(
            self.params,
            gone=gone,
            disturbed=watched.trouble,
            excused=lambda: bool(other) and self._fails_too(previous, other),
            proven=True,
        ).run()
        if not seen["healthy"]:
            raise Refused(**seen, soak=watched.told(), returned=True)
        return {**moved, **seen, "soak": watched.told(), "said": watched.warnings}

    def _fails_too(self, previous: Routes, slot: str) -> bool:
        """Whether the release before, asked at the same time, does not answer either: then it is the machine."""
        if slot not in previous.addresses:
            return False
        check = {**self.params["check"], "protocol": previous.protocols.get(slot, labels.HTTP1)}
        status = fetch(f"http://{previous.addresses[slot]}{check['path']}", {**self.direct, "check": check})["status"]
        return not 0 < status < SERVER_ERRORS


def story(params: dict[str, Any], done: dict[str, Any]) -> str:
    """What happened, for people."""
    where = params["to"] or "no slot"
    text = f"traffic goes to {where} (moved in {done['flip_ms']} ms)"
    if not params["verify"]:
        return text
    requests = done["soak"]["requests"]
    watched = f", watched for {params['hold']} s over {requests} requests" if params["hold"] else ""
    return f"{text}; {done['url']}{params['check']['path']} healthy{watched}"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            **OPTIONS,
            "to": {"type": "str", "required": True},
            "slot_url": {"type": "str", "default": ""},
            "restart_policy": {"type": "str", "default": "unless-stopped"},
            "soak_latency": {"type": "str", "choices": [verdict.WARN, verdict.CONVICT], "default": verdict.WARN},
            "verify": {"type": "bool", "default": True},
            "run": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    cut_over = CutOver(params)
    spoken = {params["to"]: params["check"]["protocol"]} if params["slot_url"] else {}
    diff = cut_over.files.diff(cut_over.files.with_slot(params["to"], spoken))
    if module.check_mode:
        changed = diff["before"] != diff["after"] or not diff["before"]
        module.exit_json(changed=changed, diff=diff, story=f"traffic would go to {params['to']}")
        return
    try:
        with Tenure(cut_over.home, params["run"], goes_back=not params["verify"]):
            # Whatever gets traffic from here on is no standby that a timer stops.
            standby_mark.take_away(cut_over.home)
            if params["verify"]:
                cut_over.prove()
            done = cut_over.move()
    except Refused as refusal:
        module.fail_json(**refusal.result)
        return
    except way_back.NotBack as error:
        found = error.__cause__.result if isinstance(error.__cause__, Refused) else {}
        module.fail_json(**{**found, "msg": environment.explain(error), "returned": False})
        return
    except Exception as error:
        module.fail_json(msg=environment.explain(error))
        return
    for warning in done.pop("said", []):
        module.warn(warning)
    module.exit_json(**{**done, "diff": diff, "story": story(params, done)})


if __name__ == "__main__":
    main()
