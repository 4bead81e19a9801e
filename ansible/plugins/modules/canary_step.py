#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: canary_step
short_description: Give a candidate a share of the traffic, and compare it with the live release
description:
  - Moves O(weight) per cent of the traffic to O(slot) and compares what both slots answer over the same time, from
    HAProxy's statistics, until the verdict is good and O(bake) is over.
  - A bad verdict, or the end of the candidate's container, takes the candidate's traffic away at once, on the target
    itself, and fails.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.environment
options:
  slot:
    description: The candidate's slot.
    type: str
    required: true
  container:
    description: Name of the candidate's container.
    type: str
    required: true
  weight:
    description: Per cent of the traffic, 0 to 100.
    type: int
    required: true
  bake:
    description: Seconds that this share lasts at least.
    type: int
    default: 60
  min_requests:
    description: Requests that the candidate has to have answered.
    type: int
    default: 100
  deadline:
    description: Seconds that this share may last while there are too few requests.
    type: int
    default: 600
  on_too_few:
    description: What the verdict is when the deadline passes with too few requests.
    type: str
    choices: [promote, abort]
    default: abort
  latency:
    description: Whether a candidate that answers much more slowly than the live release is only told of or given up.
    type: str
    choices: [warn, convict]
    default: warn
  run:
    description: The run, which has to hold the environment's lock; the lock is renewed meanwhile.
    type: str
    required: true
attributes:
  check_mode:
    support: none
    description: There is no candidate in check mode.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Canary | A twentieth of the traffic
  slipway.core.canary_step:
    directory: /var/lib/slipway
    app: myapp
    environment: production
    slot: green
    container: myapp-production-green
    weight: 5
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
evidence:
  description: Weight, seconds, and what the verdict rests on.
  returned: always
  type: dict
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    front,
    labels,
    lock,
    soak,
    verdict,
    way_back,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import (
    SLOTS,
    Proxy,
    ProxyError,
    Routes,
    all_to,
    shared,
)
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure

LOOK_SECONDS = 1.0


class Bad(Exception):
    """The candidate is not good enough for its share."""


class Step:
    """One share of the traffic, and what is seen while it lasts.

    :param params: the module's options.
    :param home: the environment's folder.
    """

    def __init__(self, params: dict[str, Any], home: Path) -> None:
        self.params = params
        self.home = home
        self.engine = Engine()
        self.fronts = front.containers(self.engine, params["app"], params["environment"])
        self.warning = ""
        details = self.engine.container(params["container"])
        self.spoken = {params["slot"]: labels.describe(details)["protocol"]} if details else {}
        self.live = next(slot for slot in SLOTS if slot != params["slot"])
        self.before = front.routes(self.home, self.fronts)
        if self.before is None:
            raise ProxyError("the proxy does not run")

    def route(self, weight: int) -> None:
        """Give the candidate its share."""
        slot = self.params["slot"]
        maintenance = bool(self.before and self.before.maintenance)
        wanted = Routes(shared(self.live, slot, weight), slot, maintenance, protocols=self.spoken)
        front.route(self.home, self.fronts, wanted)

    def back(self) -> None:
        """Give everything to the live slot."""
        maintenance = bool(self.before and self.before.maintenance)
        front.route(self.home, self.fronts, Routes(all_to(self.live), maintenance=maintenance))

    def watch(self) -> tuple[bool, str, dict[str, Any]]:
        """Look until there is a verdict; returns whether it is good, why, and the evidence."""
        proxy: Proxy = front.serving(self.home, self.fronts)[0]
        policy = verdict.Policy(
            min_requests=self.params["min_requests"],
            min_seconds=self.params["bake"],
            deadline=self.params["deadline"],
            on_too_few=self.params["on_too_few"],
            latency=self.params["latency"],
        )
        looks = verdict.FIRST
        both = soak.Interval(proxy, self.params["slot"])
        while True:
            waited = both.seconds
            both.look()
            found = verdict.judge(*both.samples(), policy, waited, looks, both.crowd())
            looks, self.warning = found.looks, found.warning
            evidence = {"weight": self.params["weight"], "seconds": round(waited, 1), **found.evidence}
            ended = self.engine.ended(self.params["container"])
            if ended:
                return False, ended, evidence
            if found.outcome is verdict.Outcome.BAD:
                return False, found.reason, evidence
            if found.outcome is verdict.Outcome.GOOD:
                return True, found.reason, evidence
            time.sleep(LOOK_SECONDS)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "slot": {"type": "str", "required": True},
            "container": {"type": "str", "required": True},
            "weight": {"type": "int", "required": True},
            "bake": {"type": "int", "default": 60},
            "min_requests": {"type": "int", "default": 100},
            "deadline": {"type": "int", "default": 600},
            "on_too_few": {"type": "str", "choices": ["promote", "abort"], "default": "abort"},
            "latency": {"type": "str", "choices": [verdict.WARN, verdict.CONVICT], "default": verdict.WARN},
            "run": {"type": "str", "required": True},
        },
    )
    share = f"{module.params['weight']} %"
    evidence: dict[str, Any] = {}
    try:
        home = environment.home(*(module.params[name] for name in environment.OPTIONS))
        with Tenure(home, module.params["run"]):
            step = Step(module.params, home)
            with way_back.unless_it_stays(step.back, "the traffic") as share_given:
                step.route(module.params["weight"])
                good, reason, evidence = step.watch()
                if not good:
                    raise Bad(f"At {share} of the traffic the candidate is bad: {reason}.")
                share_given.stays = True
    except lock.LockLost as lost:
        module.fail_json(msg=f"The canary was given up, because {lost}.")
        return
    except Exception as error:
        module.fail_json(msg=environment.explain(error), **({"evidence": evidence} if evidence else {}))
        return
    if step.warning:
        module.warn(f"Not held against the candidate at {share} of the traffic: {step.warning}.")
    module.exit_json(changed=True, evidence=evidence, story=f"{share} of the traffic: {reason}")


if __name__ == "__main__":
    main()
