# SPDX-License-Identifier: Apache-2.0
"""Keys that were made exportable go out wrapped for a recipient, and come back; others stay."""

import json
import subprocess

import pytest

VAULT = "/harddisk:/vault.pem"


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def answer(machine, command, text="", **options):
    result = machine.run(["chancery", "-c", command], "admin", stdin=text, **options)
    return result.stdout + result.stderr


def keys(machine, kind):
    return {key["label"]: key for key in json.loads(machine.chancery(f"show crypto key mypubkey {kind} | json").stdout)}


def block(text):
    return text[text.index("-----BEGIN CMS-----"):]


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    """A recipient elsewhere: its folder has key.pem and certificate.pem."""
    folder = tmp_path_factory.mktemp("safe")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=safe", "-days", "10", "-keyout", folder / "key.pem",
            "-out", folder / "certificate.pem")
    return folder


@pytest.fixture(scope="module")
def stocked(machine, safe):
    """With keys to export, and a certificate for a key of the router's own, the vault."""
    answer(machine, "crypto key generate rsa general-keys gone exportable", "1024\n")
    answer(machine, "crypto key generate rsa usage-keys both exportable", "1024\n")
    answer(machine, "crypto key generate ecdsa nistp256 both exportable")
    answer(machine, "crypto key generate ed25519 stays")
    answer(machine, "crypto key generate rsa vault", "2048\n")
    (safe / "vault.der.b64").write_text(keys(machine, "rsa")["vault"]["public-key"])
    public = openssl("base64", "-d", "-A", "-in", safe / "vault.der.b64")
    (safe / "vault.pub").write_bytes(openssl("pkey", "-pubin", "-inform", "DER", data=public))
    openssl("req", "-new", "-key", safe / "key.pem", "-subj", "/CN=vault", "-out", safe / "vault.csr")
    (safe / "extensions").write_text("subjectKeyIdentifier=hash\n")
    certificate = openssl("x509", "-req", "-in", safe / "vault.csr", "-CA", safe / "certificate.pem", "-CAkey", safe / "key.pem", "-force_pubkey",
                          safe / "vault.pub", "-extfile", safe / "extensions", "-days", "10")
    machine.write(VAULT, certificate, 0o644)
    return machine


def test_what_stays(stocked, safe):
    certificate = (safe / "certificate.pem").read_text()
    assert "was not made exportable" in answer(stocked, "crypto key export stays wrapped", certificate, check=False)
    assert "was not made exportable" in answer(stocked, "crypto key export vault wrapped", certificate, check=False)
    assert "No keys are named nothing" in answer(stocked, "crypto key export nothing wrapped", certificate, check=False)
    assert "Several keys are named both" in answer(stocked, "crypto key export both wrapped", certificate, check=False)
    assert "no certificate in PEM" in answer(stocked, "crypto key export gone wrapped", "x\n\n", check=False)
    refused = stocked.run(["chancery", "-c", "crypto key export gone wrapped algorithm rsa"], "nobody", stdin=certificate, check=False)
    assert "not authorized" in refused.stdout + refused.stderr and "BEGIN" not in refused.stdout


def test_weak_recipient(stocked, tmp_path):
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "c.pem")
    text = answer(stocked, "crypto key export gone wrapped", (tmp_path / "c.pem").read_text(), check=False)
    assert "its RSA key has less than 2048 bits" in text


def test_for_others(stocked, safe):
    """Any tool that knows CMS opens it, and finds PKCS#8."""
    wrapped = block(answer(stocked, "crypto key export gone wrapped", (safe / "certificate.pem").read_text()))
    inside = openssl("cms", "-decrypt", "-inform", "PEM", "-inkey", safe / "key.pem", "-recip", safe / "certificate.pem", data=wrapped.encode())
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=inside)
    shown = keys(stocked, "rsa")["gone"]
    assert shown["exportable"] and openssl("base64", "-A", data=public).decode() == shown["public-key"]
    assert "Exportable: wrapped\n" in stocked.chancery("show crypto key mypubkey rsa").stdout
    assert "%SECURITY-CEPKI-5-KEY_EXPORTED : The rsa key gone was given to admin" in stocked.journal("keyd")
    # It is for nobody here.
    assert "No key of this router opens it" in answer(stocked, "crypto key import wrapped", wrapped, check=False)


@pytest.mark.parametrize("label, kind, words", [("gone", "rsa", "rsa"), ("both", "rsa", "rsa"), ("both", "ecdsa", "ecdsa nistp256")])
def test_there_and_back(label, kind, words, stocked):
    before = keys(stocked, kind)[label]
    algorithm = before["algorithm"]
    wrapped = block(answer(stocked, f"crypto key export {label} wrapped algorithm {algorithm} recipient harddisk:/vault.pem"))
    stocked.write("/harddisk:/wrapped.pem", wrapped.encode(), 0o644)
    text = answer(stocked, "crypto key import wrapped harddisk:/wrapped.pem", "no\n")
    assert f"% The {algorithm} key {label} exists already.\nDo you really want to replace it? [yes/no]: no\n" in text
    answer(stocked, f"crypto key zeroize {words} {label}", "yes\n")
    assert label not in keys(stocked, kind)
    assert answer(stocked, "crypto key import wrapped", wrapped).endswith("[OK]\n")
    assert keys(stocked, kind)[label] == before
    # And over itself, and after a restart.
    assert answer(stocked, "crypto key import wrapped harddisk:/wrapped.pem", "yes\n").endswith("[OK]\n")
    stocked.restart("keyd")
    assert keys(stocked, kind)[label] == before


def test_changed(stocked):
    before = keys(stocked, "rsa")
    text = stocked.read("/harddisk:/wrapped.pem")
    lines = (text.decode() if isinstance(text, bytes) else text).splitlines()
    lines[-2] = lines[-2][:4] + ("B" if lines[-2][4] == "A" else "A") + lines[-2][5:]
    said = answer(stocked, "crypto key import wrapped", "\n".join([*lines, ""]), check=False)
    assert "No key of this router opens it" in said or "This is no wrapped key" in said
    assert keys(stocked, "rsa") == before
