"""What the front believes of a request, and from whom."""

from __future__ import annotations

import socket

from ansible_collections.slipway.core.plugins.module_utils.watch import Watch

from tests.integration.target import Target
from tests.lone_clients import GREEDY, OTHER, ask, seen
from tests.lone_front import LoneFront, Start

KEY = "a-word-of-24-characters-"
CLAIMS_TEXT = """
Forwarded X-Forwarded X-Forwarded-Ssl X-Forwarded-Scheme X-Forwarded-Prefix X-Forwarded-Server X-Forwarded-User
X-Forwarded-By X-Vercel-Forwarded-For CloudFront-Forwarded-Proto X-Original-Forwarded-For X-Real-IP X-Real-Port
Client-IP X-Client-IP X-ClientIP True-Client-IP X-True-Client-IP X-Cluster-Client-IP Fastly-Client-IP Fly-Client-IP
Proxy-Client-IP WL-Proxy-Client-IP X-Azure-ClientIP X-Azure-SocketIP CF-Connecting-IP CF-Connecting-IPv6 CF-Visitor
CF-IPCountry X-Remote-IP X-Remote-Addr X-Remote-User Remote-User Remote-Addr X-Originating-IP X-ProxyUser-IP
Ali-Cdn-Real-IP Cdn-Src-IP X-Envoy-External-Address X-AppEngine-User-IP Front-End-Https X-Https Https Fastly-SSL
X-Url-Scheme X-Scheme X-Proto X-SSL X-SSL-Client-Verify SSL-Client-Cert X-Client-Cert X-ARR-SSL X-Original-URL
X-Original-URI X-Original-Host X-Rewrite-URL X-Host X-Http-Host-Override X-Script-Name Script-Name Path-Info
X-Sendfile-Type X-Accel-Mapping X-Auth-Request-User X-Authenticated-User X-WebAuth-User X-Goog-IAP-JWT-Assertion
X-MS-Client-Principal-Name Tailscale-User-Login
"""
CLAIMS = CLAIMS_TEXT.split()
HARMLESS_TEXT = """
Authorization Via User-Agent X-Auth-Token X-API-Key X-HTTP-Method-Override X-Requested-With X-CSRF-Token Origin
X-Client-Version X-Client-Id Traceparent Content-Language api_key
"""
HARMLESS = HARMLESS_TEXT.split()


def test_what_anybody_claims_does_not_reach_the_application(limited: LoneFront) -> None:
    for spelled in (
        str.title,
        str.lower,
        str.upper,
        lambda name: name.replace("-", "_"),
        lambda name: name.replace("-", "."),
    ):
        for first in range(0, len(CLAIMS), 40):
            names = CLAIMS[first : first + 40]
            found = seen(limited, *[(spelled(name), value) for name in names for value in ("one", "two")])
            assert [name for name in found if "one" in str(found[name])] == [], spelled(names[0])
    found = seen(
        limited, ("Proxy", "http://198.51.100.1"), ("X-Forwarded-Proto", "https"), ("X_Forwarded_For", "1.1.1.1")
    )
    assert "proxy" not in found
    assert found["x-forwarded-proto"] == ["http"]
    assert found["x-forwarded-for"] == [OTHER]
    assert "x_forwarded_for" not in found


def test_what_no_proxy_says_of_a_client_arrives_as_it_was_sent(plain: LoneFront) -> None:
    found = seen(plain, *[(name, "sent") for name in HARMLESS])
    assert [name for name in HARMLESS if found.get(name.lower()) != ["sent"]] == []


def test_a_trusted_proxy_is_believed_in_the_spelling_of_proxies(start: Start) -> None:
    front = start(proxy_trusted_networks=[f"{GREEDY}/32"])
    told = [(name, "told") for name in CLAIMS]
    found = seen(front, *told, ("X_Real_IP", "spoofed"), ("Proxy", "spoofed"), source=GREEDY)
    assert [name for name in CLAIMS if found.get(name.lower()) != ["told"]] == []
    assert "spoofed" not in str(found)
    assert not {name.lower() for name in CLAIMS} & set(seen(front, *told[:60]))


def test_a_request_has_one_id(plain: LoneFront) -> None:
    assert seen(plain, ("X-Request-ID", "mine"))["x-request-id"] == ["mine"]
    for ids in (("mine", "yours"), ("mine", "two words")):
        (made,) = seen(plain, *[("X-Request-ID", one) for one in ids])["x-request-id"]
        assert made not in ids


def test_a_candidate_is_reached_by_its_word_alone_which_nobody_else_sees(start: Start) -> None:
    keyed, open_to_all = start(deploy_canary_key=KEY), start()
    for front in (keyed, open_to_all):
        front.tell("set server candidate/green state ready")
    reaching = {
        (("X-Canary", KEY),): ("1.0.2", "1.0.1"),
        (("Cookie", f"a=b; X-Canary={KEY}"),): ("1.0.2", "1.0.1"),
        (("X-Canary", "always"),): ("1.0.1", "1.0.2"),
        (("Cookie", "X-Canary=always"),): ("1.0.1", "1.0.2"),
    }
    for headers, versions in reaching.items():
        assert tuple(ask(front, *headers)[2]["version"] for front in (keyed, open_to_all)) == versions
    assert KEY not in str(ask(keyed, ("X-Canary", KEY))[2]["headers"])
    assert KEY not in (keyed.folder / "haproxy.cfg").read_text()


def asked(front: LoneFront, address: str, **options: str) -> bool:
    """Whether it counts as healthy, as a deployment asks."""
    check = {"path": "/", "statuses": [200], "host": "", "version_source": "json", "version_key": "version"}
    params = {
        "url": f"http://{address}:{front.port}",
        "check": {**check, "smoke_paths": ["/smoke"]},
        "version": "1.0.1",
    }
    limits = {"passes": 1, "interval": 0.1, "timeout": 5, "deadline": 1, "hold": 0, "validate_certs": True}
    rest = {"ca_path": None, "bypass_file": None, "page": ""}
    return bool(Watch({**params, **limits, **rest, **options}).run()["healthy"])


def test_the_maintenance_page_is_passed_on_the_vm_alone_and_known_from_outside(start: Start, target: Target) -> None:
    front = start(deploy_name="shop")
    word = str(front.folder / "bypass")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((target.address, 1))
        outside = route.getsockname()[0]
    for address in ("127.0.0.1", outside):
        assert asked(front, address)
    front.tell("set server maintenance/switch state ready")
    assert asked(front, "127.0.0.1", bypass_file=word)
    assert not asked(front, outside, bypass_file=word)
    assert asked(front, outside, page="shop-staging")
    assert not asked(front, outside, page="other-staging")
    assert not asked(front, outside)
