# SPDX-License-Identifier: Apache-2.0
"""The machines that tests run on, shared by tests/contract, tests/system and tests/sandbox.

router        a booted router, one for the whole run: leave it as you found it, or take a fresh one. Skips where none can be booted.
fresh_router  a function that boots another one, for this test alone: fresh_router(users={"alice": ["netadmin"]})
machine       a machine on which the workflow can run: a fresh router for each module, or the private bus where none can be booted
enrolled      the same, with the workflow done up to the enrolment
"""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
for folder in ("sandbox", "contract", "system"):
    sys.path.insert(0, str(ROOT / "tests" / folder))

import workflow  # noqa: E402
from private_bus import PrivateBus  # noqa: E402
from router import Router, why_no_router  # noqa: E402


def pytest_xdist_auto_num_workers(config):
    """With -n auto: routers mostly wait, so more of them than cores are tested at a time. The private bus is one for the whole host."""
    return 0 if why_no_router() else (os.cpu_count() or 2) + 1


@pytest.fixture(scope="session")
def build():
    """The build folder whose programs are tested."""
    folder = pathlib.Path(os.environ.get("CHANCERY_BUILD", ROOT / "build")).resolve()
    if not (folder / "build.ninja").exists():
        pytest.fail(f"{folder} is not a build folder: name one in CHANCERY_BUILD")
    return folder


@pytest.fixture(scope="session")
def no_router():
    """Why no router can be booted here; None when one can."""
    return why_no_router()


@pytest.fixture(scope="session")
def routers(build, no_router):
    """A function that boots routers, which all end with the run."""
    running = []

    def boot(name="test", **options):
        if no_router:
            pytest.skip(f"no router can be booted here: {no_router}")
        running.append(Router(f"{name}-{len(running)}", build=build, **options))
        return running[-1].start()

    yield boot
    for router in running:
        router.stop()


@pytest.fixture(scope="session")
def router(routers):
    one = routers("shared")
    one.wait_daemons()
    return one


@pytest.fixture
def fresh_router(routers):
    booted = []

    def boot(**options):
        booted.append(routers("fresh", **options))
        booted[-1].wait_daemons()
        return booted[-1]

    yield boot
    for router in booted:
        router.stop()


@pytest.fixture(scope="module")
def machine(build, no_router, routers):
    if no_router:
        with PrivateBus(build) as bus:
            bus.wait_daemons()
            yield bus
    else:
        router = routers("workflow")
        router.wait_daemons()
        yield router
        router.stop()


@pytest.fixture(scope="module")
def enrolled(machine):
    workflow.up_to_enrolment(machine)
    return machine
