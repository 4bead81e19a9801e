"""What HAProxy reads for a front, and whether it is what is written."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils import front_change, front_snapshot
from ansible_collections.slipway.core.plugins.module_utils.front import Front as Files
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
CONFIG = """\
global
    description
    maxconn 4000
frontend public
    bind [::1]:8443 ssl crt /etc/slipway/tls.pem alpn h2
backend app
    server blue 127.0.0.1:18081 weight 0
    server green 127.0.0.1:28081 weight 0
backend candidate
    server blue 127.0.0.1:18081 disabled
    server green 127.0.0.1:28081 disabled
backend maintenance
    server switch 127.0.0.1:1 disabled
"""
SETTINGS = {
    "proxy_image": "haproxy",
    "proxy_memory": "1g",
    "proxy_pids_limit": 512,
    "proxy_maxconn": 4000,
    "proxy_tls_certificate": "given",
    "deploy_port": 8443,
    "deploy_bind": "::1",
}
FRONT = Front(SETTINGS, CONFIG, PEM)
PLACES = {
    "blue": {"slot": "blue"},
    "green on another port": {"slot": "green", "ports": {"green": 28090}},
    "nobody": {},
    "green in HTTP/2": {"slot": "green", "ports": {"green": 28090}, "protocols": {"blue": "http1", "green": "h2"}},
    "the page": {"slot": "blue", "page": True},
}


def write(home: Path, front: Front, place: front_change.Place) -> Files:
    """Let it be what HAProxy reads at its next start."""
    files = Files(home)
    text = front_change.config(front, place)
    files.prepare(front.certificate, text)
    files.write_config(text)
    return files


@pytest.mark.parametrize("place", PLACES)
def test_what_moves_with_the_traffic_makes_no_other_front(tmp_path: Path, place: str) -> None:
    files = write(tmp_path, FRONT, front_change.Place(tmp_path, "myapp", "staging", **PLACES[place]))
    assert front_change.is_written(FRONT, tmp_path)
    assert files.settings() == FRONT.name
    assert files.certificate() == PEM


SERVERS = """\
    server blue 127.0.0.1:18081 weight 0
    server green 127.0.0.1:28090 weight 100 disabled
    server green-h2 127.0.0.1:28090 weight 100 proto h2
"""
_SERVER = r"    server (\w+) (\S+) weight 0\n"
TWINS = re.sub(_SERVER, r"\g<0>    server \1-h2 \2 weight 0 proto h2 disabled\n", CONFIG)


def test_a_front_that_was_made_when_nothing_spoke_http_2_speaks_it_with_what_is_live(tmp_path: Path) -> None:
    place = front_change.Place(tmp_path, "myapp", "staging", **PLACES["green in HTTP/2"])
    assert SERVERS in front_change.config(FRONT, place)
    files = write(tmp_path, replace(FRONT, config=TWINS), place)
    assert files.protocols() == {"blue": "http1", "green": "h2"}
    assert "server blue-h2 127.0.0.1:18081 weight 0 proto h2 disabled\n" in files.config()
    assert "server green-h2 127.0.0.1:28090 weight 100 proto h2\n" in files.config()
    assert front_change.is_written(replace(FRONT, config=TWINS), tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        replace(FRONT, config=CONFIG.replace("4000", "3999")),
        replace(FRONT, certificate=PEM.replace("A", "B")),
        replace(FRONT, settings={**SETTINGS, "proxy_memory": "2g"}),
    ],
)
def test_another_setting_or_certificate_makes_another_front(tmp_path: Path, other: Front) -> None:
    write(tmp_path, other, front_change.Place(tmp_path, "myapp", "staging", "blue"))
    assert not front_change.is_written(FRONT, tmp_path)


def test_what_somebody_has_edited_is_not_what_is_kept(tmp_path: Path) -> None:
    files = write(tmp_path, FRONT, front_change.Place(tmp_path, "myapp", "staging", "blue"))
    files.write_config(files.config().replace("maxconn 4000", "maxconn 3999"))
    assert not front_change.is_written(FRONT, tmp_path)


@pytest.mark.parametrize("content", [PEM.replace("A", "B"), ""])
def test_nor_is_one_whose_certificate_somebody_has_exchanged_or_removed(tmp_path: Path, content: str) -> None:
    files = write(tmp_path, FRONT, front_change.Place(tmp_path, "myapp", "staging", "blue"))
    (path,) = files.folder.glob("tls-*.pem")
    path.write_text(content)
    assert not front_change.is_written(FRONT, tmp_path)
    path.unlink()
    assert not front_change.is_written(FRONT, tmp_path)


def test_the_front_of_an_earlier_version_is_taken_over_as_it_was_found(tmp_path: Path) -> None:
    write(tmp_path, FRONT, front_change.Place(tmp_path, "myapp", "staging", "blue"))
    serves = {"image": "haproxy", "proxy": "1a2b3c4d"}
    limits = {"HostConfig": {"Memory": 2**30, "PidsLimit": 512}}
    found = front_change.as_found(tmp_path, serves, limits)
    entry = {"seq": 3}
    front_snapshot.remember(tmp_path, entry, found)
    kept = front_snapshot.read(tmp_path, str(front_snapshot.with_entry(tmp_path, entry)))
    assert (kept.certificate, kept.config) == (PEM, CONFIG)
    assert {name: kept.settings[name] for name in SETTINGS} == {**SETTINGS, "proxy_memory": str(2**30)}
    assert front_change.identity(kept, tmp_path) == "1a2b3c4d"
    assert front_snapshot.with_entry(tmp_path, {"seq": 4}) is None
