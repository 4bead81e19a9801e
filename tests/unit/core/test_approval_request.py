"""What a person is shown before they consent."""

from ansible_collections.slipway.core.plugins.module_utils.tables import approval_request

RELEASE = {"version": "1.0.2", "digest": "sha256:" + "a" * 64, "image": "r/app", "commit": "c" * 40}
FRONT = {"before": {"deploy_port": 8080}, "after": {"deploy_port": 8090}}
STAGING = {"verified": None, "live": {"time": "2026-01-31T12:00:00.000Z", "duration": 9.1, "actor": "bob"}}


def request(**hosts):
    seen = {host: {"config_diff": diff, "front_diff": FRONT} for host, diff in hosts.items()}
    return approval_request(RELEASE, STAGING, None, [], seen)


def test_each_host_shows_which_settings_differ_and_of_a_secret_only_that_it_does():
    changed = {
        "before": {"public": {"volumes": [], "env": {"A": "1"}}, "secrets_env": {"TOKEN": "(set)"}},
        "after": {"public": {"volumes": ["/:/host"], "env": {}}, "secrets_env": {"TOKEN": "(changed)"}},
    }
    lines = request(one=changed, two={"before": {}, "after": {}}).splitlines()
    assert lines[-9:] == [
        "  settings  3 that differ from what runs on one",
        "    public.env.A: 1 → -",
        '    public.volumes: [] → ["/:/host"]',
        "    secrets_env.TOKEN: (set) → (changed)",
        "  front     1 of its settings that differ from those on one",
        "    deploy_port: 8080 → 8090",
        "  settings  none that differ from what runs on two",
        "  front     1 of its settings that differ from those on two",
        "    deploy_port: 8080 → 8090",
    ]


def test_a_value_cannot_write_over_what_is_shown_before_it():
    shown = request(one={"before": {}, "after": {"env": {"A": "x\x1b[2J\rnone"}}})
    assert "env.A: - → x\\x1b[2J\\rnone" in shown
    assert "\x1b" not in shown
