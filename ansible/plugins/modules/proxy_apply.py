#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_apply
short_description: Let an environment's HAProxy use what was written for it
description:
  - Lets a running HAProxy reload a changed configuration, or starts the container O(identity), which takes the
    listening sockets over from the one before it. The port stays open meanwhile.
  - A container that does not come up is removed, and the configuration before is put back.
  - Containers of other identities get no new connections and end when they have finished what they had begun.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.environment
  - slipway.core.tenure
options:
  identity:
    description: Which container is to run, by its label.
    type: str
    required: true
  start:
    description:
      - Whether to start the container. Without it another one holds the port still, and no proxy that runs is retired.
    type: bool
    default: true
attributes:
  check_mode:
    support: none
    description: What would change is told by M(slipway.core.proxy_files).
  diff_mode:
    support: none
    description: What changes is shown by M(slipway.core.proxy_files).
"""

EXAMPLES = r"""
- name: Front | Put it to work
  slipway.core.proxy_apply:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    identity: 1a2b3c4d
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
done:
  description: What was done, one phrase each.
  returned: success
  type: list
  elements: str
"""

import contextlib
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import environment, front, way_back
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Proxy, ProxyError, wait_until
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure

RELOAD_SECONDS = 15.0


def reload_config(engine: Engine, name: str, proxy: Proxy) -> None:
    """Let HAProxy start a new worker with the configuration that is written, and wait until it is the one that answers.

    :raises ProxyError: the configuration was not taken.
    """
    before = proxy.pid()
    engine.signal(name, "SIGUSR2")

    def another_worker() -> bool:
        with contextlib.suppress(ProxyError):
            return proxy.pid() != before
        return False

    if not wait_until(another_worker, RELOAD_SECONDS, 0.05):
        words = " / ".join(line.strip() for line in engine.logs(name, 3))
        raise ProxyError(f"{name} did not take its new configuration: {words}")


def apply(engine: Engine, params: dict[str, Any], home: Path) -> list[str]:
    """Do what is necessary; returns it, one phrase each."""
    files = front.Front(home)
    previous = files.config()
    staged = files.use_staged()
    fronts = front.containers(engine, params["app"], params["environment"])
    mine = next(it for it in fronts if it["proxy"] == params["identity"])
    done = []
    if mine["running"] and staged:
        with way_back.unless_it_stays(lambda: files.write_config(previous), "its configuration") as use:
            reload_config(engine, mine["name"], Proxy(files.socket(mine["proxy"])))
            use.stays = True
        done.append("HAProxy reloaded")
    elif not mine["running"] and params["start"]:

        def back() -> None:
            # It would be taken for the newest proxy from now on, while the one before it serves.
            try:
                files.write_config(previous)
            finally:
                engine.remove(mine["name"])

        with way_back.unless_it_stays(back, "the proxy before it") as use:
            front.start(engine, home, mine)
            use.stays = True
        done.append(f"{mine['name']} started")
    files.forget_certificates()
    others = [it for it in fronts if it is not mine and (params["start"] or not it["running"])]
    return done + [front.retire(engine, it) for it in others]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "identity": {"type": "str", "required": True},
            "start": {"type": "bool", "default": True},
            "run": {"type": "str", "required": True},
        },
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    try:
        with Tenure(home, params["run"]):
            done = apply(Engine(), params, home)
    except Exception as error:
        module.fail_json(msg=environment.explain(error))
        return
    module.exit_json(changed=bool(done), done=done, story="; ".join(done) or "the proxy is as it should be")


if __name__ == "__main__":
    main()
