"""What the proxy and the strategies refuse before any host is touched, a sentence each."""

import subprocess

import pytest
from ansible_collections.slipway.core.plugins.module_utils import front_inputs


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """Two certificates, each with its key."""
    folder = tmp_path_factory.mktemp("pems")
    made = []
    for name in ("one", "two"):
        key, cert = folder / f"{name}.key", folder / f"{name}.crt"
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command = ["openssl", "req", "-x509", *kind, "-subj", f"/CN={name}.example", "-keyout", key, "-out", cert]
        subprocess.run(command, check=True, capture_output=True)
        made.append((cert.read_text(), key.read_text()))
    return made


def test_the_defaults_have_no_problem():
    assert front_inputs.problems({}) == []
    assert front_inputs.problems({"deploy_port": 443, "deploy_strategy": "canary"}) == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"deploy_port": 50000}, "proxy_green_port is 70000, which is deploy_port + 20000 unless you set it"),
        ({"proxy_blue_port": 0}, "proxy_blue_port is 0, and a port is between 1 and 65535"),
        ({"deploy_port": 8081, "proxy_blue_port": 8081}, "deploy_port and proxy_blue_port are both 8081"),
        ({"proxy_blue_port": 9000, "proxy_green_port": 9000}, "proxy_blue_port and proxy_green_port are both 9000"),
        ({"deploy_canary_steps": [50, 100]}, "nothing is left of the live release to compare with: leave 100 out"),
        ({"deploy_canary_steps": [5, 101]}, "deploy_canary_steps is [5, 101]: give shares"),
        ({"deploy_canary_steps": [-1]}, "deploy_canary_steps is [-1]: give shares"),
        ({"deploy_canary_steps": []}, "deploy_canary_steps is []: give shares"),
        ({"deploy_canary_steps": [50, 25]}, "each share has to be larger than the one before it"),
        ({"deploy_canary_steps": [5, 5]}, "each share has to be larger than the one before it"),
        ({"deploy_canary_deadline": 59}, "deploy_canary_deadline is 59 s, and each share lasts 60 s at least"),
        ({"deploy_canary_min_requests": 0}, "deploy_canary_min_requests has to be at least 1"),
        ({"proxy_redirect_port": 80}, "proxy_redirect_port sends people to HTTPS, and proxy_tls_certificate is empty"),
        ({"proxy_tls_certificate": "nonsense"}, "proxy_tls_certificate is no certificate with its private key in PEM"),
        ({"deploy_networks": [{"name": "n", "aliases": ["web"]}]}, "deploy_networks has aliases"),
        ({"deploy_strategy": "recreate", "deploy_serial": 1}, "deploy_serial needs a strategy with a proxy"),
        ({"proxy_trusted_networks": ["10.0.0.0/8", "load balancer"]}, "proxy_trusted_networks has 'load balancer'"),
        ({"deploy_serial": 0}, "deploy_serial is '0': give a number of hosts from 1, or a share from 1% to 100%"),
        ({"deploy_serial": "many"}, "deploy_serial is 'many': give a number of hosts"),
        ({"deploy_serial": "0%"}, "deploy_serial is '0%': give a number of hosts"),
        ({"deploy_serial": "150%"}, "deploy_serial is '150%': give a number of hosts"),
        ({"deploy_serial": "[1, 2]"}, "deploy_serial is '[1, 2]': give a number of hosts"),
        ({"proxy_buffer_size": 1000}, "proxy_buffer_size is 1000: give bytes from 16384 to 1048576"),
        ({"proxy_memory": "much"}, "proxy_memory is 'much': give a number and a unit, such as 512m, or 0"),
        ({"proxy_pids_limit": 0}, "proxy_pids_limit is 0, and has to be 1 or more"),
        ({"proxy_max_headers": 0}, "proxy_max_headers is 0: give a number from 1 to 32767"),
        ({"proxy_request_timeout": 0}, "proxy_request_timeout is 0, and has to be 1 or more"),
        ({"proxy_client_connections": 4000}, "with which one client can take all 4000 connections of proxy_maxconn"),
        ({"proxy_maxconn": 50, "proxy_client_connections": 50}, "one client can take all 50 connections"),
        ({"proxy_client_request_rate": -1}, "proxy_client_request_rate is -1, and has to be 0 or more"),
        (
            {"proxy_hsts_seconds": 60},
            "proxy_hsts_seconds tells browsers to insist on HTTPS, and proxy_tls_certificate is",
        ),
        ({"deploy_canary_key": "always"}, "deploy_canary_key has to be at least 16 letters, digits, - and _"),
        ({"deploy_canary_key": "sixteen letters;"}, "deploy_canary_key has to be at least 16 letters, digits, - and _"),
        ({"deploy_warm_standby": -1}, "deploy_warm_standby is -1, and has to be 0 or more"),
    ],
)
def test_one_sentence_says_what_is_wrong(values, sentence):
    (problem,) = front_inputs.problems(values)
    assert sentence in problem


def test_a_certificate_has_to_be_that_of_its_key(pems):
    (cert, key), (_, other_key) = pems
    assert front_inputs.problems({"proxy_tls_certificate": cert + key}) == []
    (problem,) = front_inputs.problems({"proxy_tls_certificate": cert + other_key})
    assert problem == "proxy_tls_certificate holds a certificate and a private key that do not belong together"
    (problem,) = front_inputs.problems({"proxy_tls_certificate": cert})
    assert "no certificate with its private key" in problem


def test_environments_on_one_vm_have_ports_of_their_own():
    staging, production = {"deploy_port": 8081}, {"deploy_port": 8080}
    alone = [("staging", "vm:22", staging), ("production", "vm:22", production)]
    assert front_inputs.shared_vm_problems(alone) == []
    clash = {**production, "proxy_blue_port": 18081}
    (problem,) = front_inputs.shared_vm_problems([alone[0], ("production", "vm:22", clash)])
    assert problem.startswith("proxy_blue_port of staging and proxy_blue_port of production are both 18081 on one VM")
    assert front_inputs.shared_vm_problems([alone[0], ("production", "other:22", clash)]) == []


def test_recreate_needs_the_public_port_alone():
    assert front_inputs.ports({"deploy_port": 60000, "deploy_strategy": "recreate"}) == {"deploy_port": 60000}


@pytest.mark.parametrize(
    ("canary", "weight", "values", "sentence"),
    [
        ("stop", 0, {"deploy_strategy": "canary"}, "canary is 'stop': give -e canary=pause"),
        ("pause", 0, {"deploy_strategy": "recreate"}, "pause needs deploy_strategy: canary, and it is recreate"),
        ("promote", 0, {}, "-e canary=promote needs deploy_strategy: canary, and it is blue_green"),
        ("pause", 101, {"deploy_strategy": "canary"}, "canary_weight is '101'"),
        ("pause", "-5", {"deploy_strategy": "canary"}, "canary_weight is '-5'"),
        ("", 5, {"deploy_strategy": "canary"}, "give it with -e canary=pause"),
    ],
)
def test_a_decision_that_cannot_be_followed(canary, weight, values, sentence):
    (problem,) = front_inputs.decision_problems(canary, weight, values)
    assert sentence in problem
