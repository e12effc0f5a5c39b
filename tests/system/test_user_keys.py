# SPDX-License-Identifier: Apache-2.0
"""A user's imported public key lets that user in over real ssh, nobody else, and no longer once it is removed."""

import base64
import json
import subprocess

import pytest

from authorization import CALL, call, put_tool

USERS = ["org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1.UserKeys"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory, fresh_users):
    """Two key pairs, in files; their public halves are in the router in every form."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "two"):
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "a comment", "-f", folder / name], check=True)
        line = (folder / f"{name}.pub").read_bytes()
        pem = subprocess.run(["ssh-keygen", "-e", "-m", "PKCS8", "-f", folder / f"{name}.pub"], check=True, capture_output=True).stdout
        rsa = subprocess.run(["ssh-keygen", "-e", "-m", "PEM", "-f", folder / f"{name}.pub"], check=True, capture_output=True).stdout
        for form, content in (("line", line), ("base64", line.split()[1]), ("blob", base64.b64decode(line.split()[1])), ("pem", pem),
                              ("rsa", rsa)):
            fresh_users.write(f"/srv/{name}.{form}", content)
    return folder


@pytest.fixture(scope="module")
def fresh_users(routers, build):
    router = routers("userkeys", users={"alice": ["root-lr"], "bob": []})
    router.wait_daemons()
    put_tool(router, build)
    yield router
    router.stop()


def answer(router, command, text="", user="alice", **options):
    return router.run(["chancery", "-c", command], user, stdin=text, **options)


def gets_in(router, keys, user, key):
    words = ["nsenter", "-t", str(router.leader), "-n", "--", "ssh", "-F", "none", "-i", str(keys / key), "-o", "IdentitiesOnly=yes",
             "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             f"{user}@127.0.0.1", "show clock"]
    result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert result.returncode == 0 or b"Permission denied" in result.stderr, result.stderr
    return result.returncode == 0


def test_before(fresh_users, keys):
    assert not gets_in(fresh_users, keys, "alice", "one")


@pytest.mark.parametrize("form", ["line", "base64", "blob", "pem", "rsa"])
def test_every_form_lets_in_and_zeroize_ends_it(form, fresh_users, keys):
    answer(fresh_users, f"crypto key import authentication rsa /srv/one.{form}")
    assert gets_in(fresh_users, keys, "alice", "one")
    assert not gets_in(fresh_users, keys, "alice", "two")
    assert not gets_in(fresh_users, keys, "bob", "one")
    text = answer(fresh_users, "crypto key zeroize authentication rsa", "no\n").stdout
    assert "% Keys to be removed are named yourself\nDo you really want to remove these keys ?? [yes/no]: no\n" in text
    assert gets_in(fresh_users, keys, "alice", "one")
    answer(fresh_users, "crypto key zeroize authentication rsa", "yes\n")
    assert not gets_in(fresh_users, keys, "alice", "one")


def test_typed(fresh_users, keys):
    line = (keys / "one.pub").read_text()
    text = answer(fresh_users, "crypto key import authentication rsa second", line + "\n").stdout
    assert "Enter the public key\n" in text
    assert gets_in(fresh_users, keys, "alice", "one")
    shown = fresh_users.chancery("show crypto key authentication rsa", user="alice").stdout
    assert "Key label: alice second\nType     : RSA public key authentication\nSize     : 2048\nImported : " in shown
    assert "\nData     : \n 30820122 300D0609" in shown


def test_replaced_after_a_question(fresh_users, keys):
    refused = answer(fresh_users, "crypto key import authentication rsa /srv/two.line second", "no\n")
    assert "% You already have keys defined for yourself\n" in refused.stdout
    assert gets_in(fresh_users, keys, "alice", "one")
    answer(fresh_users, "crypto key import authentication rsa /srv/two.line second", "yes\n")
    assert not gets_in(fresh_users, keys, "alice", "one") and gets_in(fresh_users, keys, "alice", "two")


def test_bad_input(fresh_users):
    fresh_users.write("/srv/bad", "command=\"sh\" " + fresh_users.read("/srv/one.line").decode())
    fresh_users.write("/srv/large", "A" * 20000)
    for path in ("/srv/bad", "/srv/large", "/srv/absent", "/srv", "/dev/zero"):
        assert answer(fresh_users, f"crypto key import authentication rsa {path} third", check=False).returncode != 0, path
    for user in ("root", "a/b", "..", "-x"):
        assert answer(fresh_users, f"crypto key import authentication rsa username {user} /srv/one.line", user="root",
                      check=False).returncode != 0, user


def test_who_may(fresh_users):
    assert call(fresh_users, [CALL, *USERS, "RemoveAll", ""], "bob")[0] != "ok"
    assert call(fresh_users, [CALL, *USERS, "Remove", "su", "alice", "2"], "bob")[0] != "ok"
    assert len(listed(fresh_users)) == 1


def listed(router):
    text = router.chancery("show crypto key authentication rsa all | json", user="alice").stdout
    return json.loads(text[text.index("["):])


def test_another_user_and_a_kill(fresh_users, keys):
    answer(fresh_users, "crypto key import authentication rsa username bob /srv/one.blob")
    assert [(k["user"], k["slot"]) for k in listed(fresh_users)] == [("alice", 2), ("bob", 1)]
    fresh_users.kill("keyd", 9)
    fresh_users.wait_daemons()
    assert [(k["user"], k["slot"]) for k in listed(fresh_users)] == [("alice", 2), ("bob", 1)]
    assert gets_in(fresh_users, keys, "alice", "two")


def test_after_a_reboot_and_all(fresh_users, keys):
    fresh_users.reboot()
    fresh_users.wait_daemons()
    assert gets_in(fresh_users, keys, "alice", "two")
    answer(fresh_users, "crypto key zeroize authentication rsa all", "yes\n")
    assert listed(fresh_users) == []
    assert not gets_in(fresh_users, keys, "alice", "two")
    assert "% No such keys are named all users.\n" in answer(fresh_users, "crypto key zeroize authentication rsa all", "yes\n").stdout
