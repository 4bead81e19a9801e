#!/usr/bin/python
"""A module of the tests: what Docker Engine would be told of the configuration that arrives at a target."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import container, snapshot


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "configuration": {"type": "dict", "required": True},
            "secrets": {"type": "json", "required": True, "no_log": True},
            "directory": {"type": "path", "required": True},
        }
    )
    directory = module.params["directory"]
    configuration, secrets = module.params["configuration"], json.loads(module.params["secrets"])
    merged = snapshot.merge_secrets(secrets["env"], secrets["files"])
    key = snapshot.load_or_create_key(directory)
    config = snapshot.config_hash(configuration, merged, key)
    snapshot.write(directory, config, configuration, secrets["env"], secrets["files"], os.getuid(), os.getgid())
    kept = snapshot.read(directory, config, key)
    wanted = container.Wanted("i", kept.public, kept.secrets_env, "", {}, ("127.0.0.1", 1), "no", True)
    Path(directory, "sent.json").write_text(json.dumps(container.body(wanted)), encoding="utf-8")
    module.exit_json(changed=False, files=str(snapshot.files(Path(directory), config)))


if __name__ == "__main__":
    main()
