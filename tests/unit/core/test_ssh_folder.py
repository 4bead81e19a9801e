"""Two runs share an SSH session only when they have the same inventory and the same key."""

from __future__ import annotations

from ansible_collections.slipway.core.plugins.module_utils.ssh_folder import VARIABLE, keep_apart


def folder(inventories: tuple[str, ...] = ("/a/inventory",), key: str = "") -> str:
    environ: dict[str, str] = {}
    keep_apart(environ, inventories, key, "/home/alice/.ansible/cp")
    return environ[VARIABLE]


def test_an_inventory_and_a_key_have_sessions_of_their_own() -> None:
    different = [
        folder(),
        folder(("/b/inventory",)),
        folder(("/a/inventory", "/b/inventory")),
        folder(key="/a/key"),
        folder(key="/b/key"),
    ]
    assert len(set(different)) == len(different)
    assert folder() == folder()


def test_its_name_leaves_room_for_a_socket() -> None:
    assert len(folder(("/very/" * 40,))) == len("/home/alice/.ansible/cp/") + 8


def test_a_folder_that_was_named_stays() -> None:
    environ = {VARIABLE: "/named"}
    keep_apart(environ, ("/a",), "", "/home/alice/.ansible/cp")
    assert environ == {VARIABLE: "/named"}
