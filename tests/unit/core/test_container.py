"""A release's configuration becomes the container that Docker Engine is told to make."""

import pytest
from ansible_collections.slipway.core.plugins.module_utils import container

SPEC = {
    "env": {"A": "1"},
    "secrets_path": "/run/secrets",
    "command": ["serve", "--fast"],
    "entrypoint": [],
    "container_port": 8000,
    "volumes": ["data:/data:ro"],
    "networks": [],
    "user": "10001:10001",
    "memory": "512m",
    "cpus": 1.5,
    "pids_limit": 512,
    "ulimits": {"nofile": 4096, "core": 0},
    "read_only": True,
    "tmpfs": ["/tmp", "/run:uid=33"],
    "init": True,
    "capabilities": ["NET_BIND_SERVICE"],
    "labels": {"team": "web"},
    "stop_timeout": 30,
}


def made(**changes):
    values = {
        "image": "r/app@sha256:1",
        "spec": SPEC,
        "secret_env": {"KEY": "hidden"},
        "secret_files": "/state/files",
        "labels": {"io.slipway.app": "app"},
        "published": ("127.0.0.1", 18081),
        "restart_policy": "no",
        "discoverable": True,
    }
    return container.body(container.Wanted(**{**values, **changes}))


def test_it_is_confined():
    host = made()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] == ["NET_BIND_SERVICE"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] is True
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (512 * 1024**2, 1_500_000_000, 512)
    assert host["Ulimits"] == [
        {"Name": "core", "Soft": 0, "Hard": 0},
        {"Name": "nofile", "Soft": 4096, "Hard": 4096},
    ]
    assert host["Tmpfs"] == {"/tmp": "", "/run": "uid=33"}


def test_it_has_its_settings_and_secrets():
    body = made()
    assert body["Env"] == ["A=1", "KEY=hidden"]
    assert body["HostConfig"]["Binds"] == ["data:/data:ro", "/state/files:/run/secrets:ro"]
    assert body["Cmd"] == ["serve", "--fast"]
    assert "Entrypoint" not in body
    assert made(secret_files="")["HostConfig"]["Binds"] == ["data:/data:ro"]


def test_its_port_is_published_where_it_shall_be():
    assert made()["HostConfig"]["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18081"}]}
    any_port = made(published=("127.0.0.1", 0))["HostConfig"]["PortBindings"]
    assert any_port == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}


def test_nobody_finds_a_candidate_by_labels_or_aliases():
    spec = {**SPEC, "networks": [{"name": "inner", "aliases": ["web"]}, {"name": "outer"}]}
    hidden, found = made(spec=spec, discoverable=False), made(spec=spec)
    assert hidden["Labels"] == {"io.slipway.app": "app"}
    assert hidden["NetworkingConfig"] == {"EndpointsConfig": {"inner": {}}}
    assert found["Labels"] == {"team": "web", "io.slipway.app": "app"}
    assert found["NetworkingConfig"] == {"EndpointsConfig": {"inner": {"Aliases": ["web"]}}}
    assert found["HostConfig"]["NetworkMode"] == "inner"


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("512m", 512 * 1024**2), ("512MB", 512 * 1024**2), ("1.5g", 1536 * 1024**2), ("100", 100)],
)
def test_sizes(text, size):
    assert container.memory_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "5x", "-1m"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="deploy_memory is"):
        container.memory_bytes(text)
