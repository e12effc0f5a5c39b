# SPDX-License-Identifier: Apache-2.0
"""F15, F31: labels are checked before they reach anything, and no key file is ever readable by others or in clear."""

import ctypes
import os
import re
import struct
import threading

import pytest

from authorization import CALL, call, put_tool

IN_CREATE, IN_MODIFY, IN_MOVED_TO, IN_CLOSE_WRITE, IN_ATTRIB = 0x100, 0x2, 0x80, 0x8, 0x4
CLEAR = re.compile(rb"PRIVATE KEY|\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01|\x02\x01\x00\x02\x82\x01\x01\x00")


class Watcher(threading.Thread):
    """Looks at each file of a folder at each thing that happens to it."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.findings, self.events = folder, [], 0
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(0o2000000)
        wanted = IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB
        assert self.libc.inotify_add_watch(self.fd, os.fsencode(folder), wanted) >= 0

    def run(self):
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            while data:
                _, _, _, size = struct.unpack_from("iIII", data)
                self.look(data[16:16 + size].rstrip(b"\0"))
                data = data[16 + size:]

    def look(self, name):
        self.events += 1
        path = os.path.join(os.fsencode(self.folder), name)
        try:
            mode = os.stat(path).st_mode & 0o777
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            return
        if mode & 0o077 or CLEAR.search(content):
            self.findings.append((name, oct(mode), content[:64]))


def test_watcher_can_tell(tmp_path):
    watcher = Watcher(tmp_path)
    watcher.start()
    (tmp_path / "key").write_bytes(b"-----BEGIN PRIVATE KEY-----")
    for _ in range(100):
        if watcher.findings:
            break
        threading.Event().wait(0.02)
    assert watcher.findings


def test_key_files_are_born_closed(machine):
    folder = machine.path("/var/lib/chancery/keyd")
    watcher = Watcher(folder)
    watcher.start()
    machine.chancery("crypto key generate ed25519 born")
    machine.run(["chancery", "-c", "crypto key generate rsa born"], "admin", stdin="1024\n")
    for _ in range(100):
        if watcher.events >= 4:
            break
        threading.Event().wait(0.02)
    assert watcher.events >= 4 and not watcher.findings
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir(), path
        assert path.is_dir() or not CLEAR.search(path.read_bytes()), path


@pytest.mark.parametrize("label", ["", "../x", "a/b", ".", "..", "-a", "a b", "a\nb", "a\x1b[2J", "%n", "a" * 128, "\u00e9", "a" * 4096])
def test_labels_outside_of_the_grammar(label, machine, build):
    put_tool(machine, build)
    before = sorted(p.name for p in machine.path("/var/lib/chancery/keyd").rglob("*"))
    words = [CALL, "org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1", "Generate", "ssa{sv}", "ed25519", label]
    assert call(machine, words, "root")[0] == "org.chancery.Error.InvalidLabel"
    assert sorted(p.name for p in machine.path("/var/lib/chancery/keyd").rglob("*")) == before
