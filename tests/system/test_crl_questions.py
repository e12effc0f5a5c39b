# SPDX-License-Identifier: Apache-2.0
"""Trustpoints with the same CA ask it once for its list (SCEP GetCRL), however many of them there are. What counts is how often the CA is asked. Each test is one
step and needs those before it."""

import concurrent.futures
import json
import time

import pytest

from clock import Clock
from machine import ADMIN, wait_for
from test_scep import LINES, certifier, chain, configure, crls, enroll, fingerprint, say, state

NAMES = [f"a{number}" for number in range(8)]
LAST = "z"  # of another CA; enrolld asks about it when it has asked about the others
DAY = 86400


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("crl-questions")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa scep-key"], ADMIN, stdin="2048\n")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def authorities(machine):
    with certifier(machine, "/tmp/crl-one") as one, certifier(machine, "/tmp/crl-other") as other:
        yield one, other


def asked(authority):
    """How often for its list."""
    return sum(line.startswith("22 ") for line in authority.log().splitlines())


def bring(machine, authority, name):
    configure(machine, f"crypto ca trustpoint {name}", f"enrollment url {authority.url}", *LINES)
    assert say(machine, f"crypto ca authenticate {name} fingerprint {fingerprint(machine, f'{authority.folder}/root.pem')}")[0] == 0
    status, said = enroll(machine, name)
    assert status == 0, said
    machine.write(f"/tmp/{name}.pem", chain(machine, name))


def look_anew(machine, other):
    """Nothing is known any more; until enrolld has asked poold about all of its certificates."""
    machine.chancery("clear crypto ca crl")
    before = asked(other)
    machine.restart("enrolld")
    machine.wait_daemons()
    wait_for(lambda: asked(other) > before, "the last certificate to be asked about")


def verify(machine, name):
    return say(machine, f"crypto ca trustpool verify url file:///tmp/{name}.pem")


def test_two_authorities(machine, authorities):
    """Each is asked."""
    one, other = authorities
    bring(machine, other, LAST)
    wait_for(lambda: crls(machine) == [f"scep:{LAST}"], "the list of the one")
    bring(machine, one, NAMES[0])
    wait_for(lambda: sorted(crls(machine)) == [f"scep:{NAMES[0]}", f"scep:{LAST}"], "that of the other")
    assert (asked(one), asked(other)) == (1, 1)


def test_after_enrolment(machine, authorities):
    one, other = authorities
    for name in NAMES[1:]:
        bring(machine, one, name)
    assert asked(one) == 1
    look_anew(machine, other)
    assert (asked(one), asked(other)) == (2, 2)


def test_all_at_once(machine, authorities):
    """Those that come while one asks wait for what it gets."""
    one, other = authorities
    machine.chancery("clear crypto ca crl")
    before = asked(one)
    with concurrent.futures.ThreadPoolExecutor(len(NAMES)) as pool:
        for status, said in pool.map(lambda name: verify(machine, name), NAMES):
            assert status == 0, said
    assert asked(one) == before + 1
    # And so does whoever asks of the other CA, which is asked for its own.
    before = asked(other)
    assert verify(machine, LAST)[0] == 0 and asked(other) == before + 1


def test_operator(machine, authorities):
    """Whoever wants it now has it asked for, whatever is there."""
    one = authorities[0]
    before = asked(one)
    for name in NAMES[:2]:
        assert say(machine, f"crypto ca crl request {name}")[0] == 0
    assert asked(one) == before + 2


def test_no_list(machine, authorities):
    """The CA has none: the first may be told so for its own sake, but not the second."""
    one, other = authorities
    one.set("no-list")
    before = asked(one)
    look_anew(machine, other)
    assert asked(one) == before + 2 and crls(machine) == [f"scep:{LAST}"]
    status, said = verify(machine, NAMES[4])
    assert status != 0 and "badCertId" not in said and "a short while ago" in said and asked(one) == before + 2, said
    one.set("grant")


def test_another_url(machine, authorities):
    """What one of them cannot reach, another one may: then it is there for all."""
    one, other = authorities
    url = one.url
    configure(machine, f"crypto ca trustpoint {NAMES[0]}", "enrollment url http://127.0.0.1:1/scep")
    machine.chancery("clear crypto ca crl")
    before = asked(one)
    status, said = say(machine, f"crypto ca crl request {NAMES[0]}")
    assert status != 0 and "cannot be reached" in said and asked(one) == before and crls(machine) == [], said
    look_anew(machine, other)
    assert asked(one) == before + 1 and sorted(crls(machine)) == [f"scep:{NAMES[1]}", f"scep:{LAST}"]
    assert verify(machine, NAMES[0])[0] == 0 and asked(one) == before + 1
    configure(machine, f"crypto ca trustpoint {NAMES[0]}", f"enrollment url {url}")
    assert state(machine, NAMES[0])["state"] == "enrolled"


def fetched(machine, name):
    shown = machine.chancery("show crypto ca crls | json").stdout
    return next((crl["fetched"] for crl in json.loads(shown[shown.index("["):]) if crl["url"] == f"scep:{name}"), None)


def await_newer_list():
    """Of two lists that a CA makes within a second none is newer."""
    time.sleep(1)


def test_refreshed_in_time(machine, authorities, build):
    """Once for all, before the list ends; and when who has got it cannot reach the CA any more, by another one."""
    one = authorities[0]
    with Clock(machine, build, ["poold"]) as clock:
        before, first = asked(one), fetched(machine, NAMES[1])
        assert first
        clock.ahead("poold", 8 * DAY)
        machine.restart("poold")
        machine.wait_daemons()
        assert verify(machine, NAMES[2])[0] == 0 and asked(one) == before
        clock.ahead("poold", 17 * DAY // 2)
        await_newer_list()
        machine.restart("poold")
        wait_for(lambda: (fetched(machine, NAMES[1]) or 0) > first, "the next list")
        assert verify(machine, NAMES[2])[0] == 0 and asked(one) == before + 1
        configure(machine, f"crypto ca trustpoint {NAMES[1]}", "enrollment url http://127.0.0.1:1/scep")
        one.set("no-list")
        clock.ahead("poold", 9 * DAY - 1800)
        machine.restart("poold")
        wait_for(lambda: "could not be fetched again" in machine.journal("poold"), "the failure")
        assert asked(one) == before + 3 and fetched(machine, NAMES[1])
        one.set("grant")
        await_newer_list()
        machine.restart("poold")
        wait_for(lambda: fetched(machine, NAMES[0]), "the next list")
        assert asked(one) == before + 4
