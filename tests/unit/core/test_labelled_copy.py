"""Labels alone make no container one of ours: whoever copies one copies its labels."""

from __future__ import annotations

import copy

from target_engine import Engine
from target_runs import Run
from test_target_model import finish, fresh


def test_a_copy_of_the_live_container_is_not_taken_for_it() -> None:
    """Who looks into one with docker commit and docker run makes a container with all of its labels."""
    with fresh() as target:
        target.registry.push("1.0.1")
        assert finish(Run(target, "staging")) == "done"
        (live,) = target.reached("staging")
        original = Engine(target).container((live or {})["name"])
        assert original
        twin = copy.deepcopy(original)
        twin.update(Id="id-of-the-copy", Name="/debugging", Image="debugging")
        twin["Config"]["Image"] = "debugging"
        twin["State"].update(Status="exited", Running=False)
        twin["NetworkSettings"]["Ports"] = twin["HostConfig"]["PortBindings"] = {}
        target.containers.insert(0, twin)
        run = Run(target, "staging")
        run.begin()
        assert run.play() == "done"
        assert original in target.containers
        assert original["State"]["Running"]
        assert twin in target.containers
