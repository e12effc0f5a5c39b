# SPDX-License-Identifier: Apache-2.0
"""A default build is a hardened release, whatever is installed from it."""

import pathlib
import re
import subprocess

import pytest

from bus_contract import ROOT

PROGRAMS = ["keyd/chancery-keyd", "enrolld/chancery-enrolld", "poold/chancery-poold", "dossierd/chancery-dossierd", "hostd/chancery-hostd", "policy/chancery-policyd",
            "fetch/chancery-fetch", "cli/chancery", "cli/verify/chancery-verify"]


def readelf(program, *options):
    return subprocess.run(["readelf", "--wide", *options, program], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_hardened(name, build):
    program = build / name
    assert re.search(r"Type:\s+DYN", readelf(program, "--file-header")), "position-independent"
    segments = readelf(program, "--segments")
    assert "GNU_RELRO" in segments and not re.search(r"GNU_STACK.*RWE", segments)
    assert not re.search(r"LOAD.*RWE", segments)
    dynamic = readelf(program, "--dynamic")
    assert "BIND_NOW" in dynamic or re.search(r"FLAGS_1.*NOW", dynamic)
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
    symbols = readelf(program, "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__\w+_chk\b", symbols), "fortified calls"
    if "X86-64" in readelf(program, "--file-header"):
        # The note of a whole program says no more than its weakest object, libc's start files among them; the code itself tells.
        assert program.read_bytes().count(b"\xf3\x0f\x1e\xfa") > 20, "control-flow protection: functions begin with endbr64"


def test_shell_starts_light(build):
    """Every command starts it, and loading OpenSSL would take longer than most commands."""
    needed = re.findall(r"NEEDED.*\[(\w+)", readelf(build / "cli/chancery", "--dynamic"))
    assert "libsystemd" in needed and "libcrypto" not in needed, needed


def test_every_source_names_its_licence():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False).stdout.split()
    paths = [ROOT / p for p in listed] or [p for p in ROOT.rglob("*") if not p.relative_to(ROOT).parts[0].startswith("build")]
    for path in paths:
        if path.suffix in (".c", ".h", ".py", ".sh", ".in", ".build", ".xml") and path.exists():
            assert "SPDX-License-Identifier: Apache-2.0" in path.read_text()[:400], path


def test_room_says_who_may_see_what():
    """A target sees its own folder, dbus/ and common/: no room adds another's folder to its include path."""
    for room in ("keyd", "enrolld", "poold", "dossierd", "hostd", "policy", "fetch", "cli"):
        text = pathlib.Path(ROOT / room / "meson.build").read_text()
        for words in re.findall(r"include_directories\(([^)]*)\)", text):
            assert ".." not in words, f"{room}/meson.build: {words}"


def test_collector_is_built_and_installed_without_the_daemons(tmp_path):
    """With nothing of systemd, and nothing of it left out."""
    folder, root = tmp_path / "build", tmp_path / "root"
    for command in (["meson", "setup", "-Ddaemons=false", "-Dtests=false", folder, ROOT], ["meson", "compile", "-C", folder],
                    ["meson", "install", "-C", folder, "--no-rebuild", "--destdir", root, "--tags", "collector"]):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    programs = ["usr/bin/chancery-collect", "usr/bin/chancery-verify"]
    pages = ["usr/share/man/man1/chancery-collect.1", "usr/share/man/man1/chancery-verify.1"]
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert found in (programs, programs + pages)
    needed = re.findall(r"NEEDED.*\[(\w+)", readelf(root / programs[1], "--dynamic"))
    assert sorted(needed) == ["libc", "libcbor", "libcrypto", "libjson"], needed
    for program in programs:
        assert subprocess.run([root / program, "--help"], capture_output=True, check=False).returncode == 0
