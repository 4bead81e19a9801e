#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_files
short_description: Write what an environment's HAProxy reads at its next start or reload
description:
  - Makes the proxy's folder, writes the certificate, and puts a changed configuration beside the one in use, as
    V(haproxy.cfg.new), so that it can be checked before M(slipway.core.proxy_apply) lets HAProxy use it.
  - One that is in use and that HAProxy has not loaded, or a new container has to load, is put there once more.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.environment
options:
  config:
    description: The configuration.
    type: str
    required: true
  front:
    description: Name of the front, with which its certificate is kept. Not needed in check mode.
    type: str
    default: ""
  loaded:
    description: Whether HAProxy has loaded the configuration in use.
    type: bool
    default: true
  current:
    description: Whether the newest proxy container is the one that is wanted.
    type: bool
    default: true
  run:
    description: The run that changes something, which has to hold the environment's lock. Not needed in check mode.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Tells whether anything would be written.
  diff_mode:
    support: full
    description: Shows what changes in the configuration, never the certificate's key.
"""

EXAMPLES = r"""
- name: Front | Write what HAProxy will read
  slipway.core.proxy_files:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    config: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import environment, front, front_snapshot, lock, snapshot
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "config": {"type": "str", "required": True},
            "front": {"type": "str", "default": ""},
            "loaded": {"type": "bool", "default": True},
            "current": {"type": "bool", "default": True},
            "run": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    files = front.Front(home)
    diff = files.diff(params["config"])
    try:
        differs = diff["before"] != diff["after"]
        changed = differs or not (params["loaded"] and params["current"])
        if not module.check_mode:
            with Tenure(home, params["run"]):
                kept = front_snapshot.read(home, params["front"])
                files.prepare(kept.certificate, params["config"])
                files.stage(params["config"] if changed else "")
    except lock.LockLost as lost:
        module.fail_json(msg=f"The proxy's files were not written, because {lost}.")
        return
    except (ValueError, snapshot.SnapshotDamaged) as error:
        module.fail_json(msg=environment.explain(error))
        return
    except OSError as error:
        module.fail_json(msg=f"The proxy's files cannot be written to {files.folder}: {error.strerror or error}.")
        return
    done = "changes" if differs else "is as it should be" if params["loaded"] else "has not been loaded yet"
    story = f"the proxy's configuration {done}{'' if params['current'] else '; HAProxy gets a new container'}"
    module.exit_json(changed=changed, diff=diff, story=story)


if __name__ == "__main__":
    main()
