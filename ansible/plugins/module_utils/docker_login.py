"""A private copy of a user's Docker configuration, to which one more login can be added."""

from __future__ import annotations

from typing import Any, Mapping


def private_configuration(own: Mapping[str, Any], server: str, plugins: str) -> dict[str, Any]:
    """The user's configuration as it works from another folder, free of any login for ``server``.

    Logins in a credential store stay there and are named one by one, since a store for all of them would also
    take the new one. A context lives beside the file it is named in, so it is left out.

    :param own: content of the user's ``config.json``.
    :param server: registry whose login will be added.
    :param plugins: folder of the user's plugins for Docker's command line.
    """
    copied = {key: value for key, value in own.items() if key not in ("credsStore", "currentContext")}
    helpers = dict(own.get("credHelpers") or {})
    if own.get("credsStore"):
        helpers = {**dict.fromkeys(own.get("auths") or {}, own["credsStore"]), **helpers}
    copied["credHelpers"] = {name: helper for name, helper in helpers.items() if name != server}
    copied["auths"] = {name: login for name, login in (own.get("auths") or {}).items() if name != server}
    copied["cliPluginsExtraDirs"] = [*(own.get("cliPluginsExtraDirs") or []), plugins]
    return copied
