"""Where HAProxy sends requests, of two servers for each slot: what gets requests decides, and both are pointed."""

from ansible_collections.slipway.core.plugins.module_utils.haproxy import Proxy, Routes, all_to

RIGHT, WRONG = "127.0.0.1:18081", "127.0.0.1:9"
COLUMNS = "# be_name srv_name srv_addr srv_op_state srv_uweight srv_port"


class Told(Proxy):
    """HAProxy as its socket shows it: by server its address, and whether it is on."""

    def __init__(self, **servers: tuple[str, bool]) -> None:
        super().__init__("/none")
        self.servers = {name.replace("_", "-"): told for name, told in servers.items()}

    def ask(self, command: str) -> str:
        words = command.split()
        if words[:3] == ["show", "servers", "state"]:
            return "\n".join([COLUMNS, *(self._row(name) for name in self.servers)])
        assert (words[:2], words[3], words[5]) == (["set", "server"], "addr", "port")
        name = words[2].partition("/")[2]
        self.servers[name] = (f"{words[4]}:{words[6]}", self.servers[name][1])
        return "changed\n"

    def tell(self, *commands: str) -> None:
        """What else it is told does not change where a server is."""

    def _row(self, name: str) -> str:
        address, on = self.servers[name]
        host, _, port = address.rpartition(":")
        return f"app {name} {host} {2 if on else 0} 100 {port}"


def test_the_address_of_a_slot_is_that_of_the_server_which_gets_its_requests() -> None:
    for servers in (
        {"blue": (WRONG, True), "blue_h2": (RIGHT, False)},
        {"blue": (RIGHT, False), "blue_h2": (WRONG, True)},
    ):
        routes = Told(**servers).routes()
        assert routes.misses(Routes(all_to("blue"), addresses={"blue": RIGHT})) == ["blue"]
        assert routes.addresses == {"blue": WRONG}


def test_both_servers_of_a_slot_are_sent_there() -> None:
    for on in (True, False):
        proxy = Told(blue=(RIGHT, on), blue_h2=(WRONG, not on), green=("127.0.0.1:1", True))
        proxy.route(Routes(all_to("blue"), addresses={"blue": RIGHT}))
        assert proxy.servers == {"blue": (RIGHT, on), "blue-h2": (RIGHT, not on), "green": ("127.0.0.1:1", True)}
