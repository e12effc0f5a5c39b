# SPDX-License-Identifier: Apache-2.0
"""Reads a systemd unit file, as far as starting a daemon without systemd needs it."""

import pathlib
import resource

LIMITS = {"LimitCORE": resource.RLIMIT_CORE, "LimitMEMLOCK": resource.RLIMIT_MEMLOCK, "LimitNOFILE": resource.RLIMIT_NOFILE,
          "LimitFSIZE": resource.RLIMIT_FSIZE, "LimitNPROC": resource.RLIMIT_NPROC}
SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def unit_path(root, name):
    """A unit installed below root; where units lie depends on how the distribution merged /usr."""
    paths = [pathlib.Path(root) / folder / name for folder in ("usr/lib/systemd/system", "lib/systemd/system")]
    return next((path for path in paths if path.exists()), paths[0])


class UnitFile:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.values = {}
        for line in self.path.read_text().replace("\\\n", " ").splitlines():
            line = line.strip()
            if line and line[0] not in "#;[" and "=" in line:
                name, _, value = line.partition("=")
                if value.strip():
                    self.values.setdefault(name.strip(), []).append(value.strip())
                else:  # an empty assignment resets a list
                    self.values[name.strip()] = []

    def all(self, name):
        """Every word of a setting that may be given several times."""
        return [word for value in self.values.get(name, []) for word in value.split()]

    def get(self, name, default=""):
        return (self.values.get(name) or [default])[-1]

    def flag(self, name):
        return self.get(name).lower() in ("yes", "true", "1", "on")

    def command(self, name="ExecStart"):
        """Command lines as words, without the prefixes that tell systemd how to run them."""
        return [value.lstrip("@-:+!").split() for value in self.values.get(name, [])]

    def limits(self):
        """Pairs of a resource and its number."""
        for name, what in LIMITS.items():
            text = self.get(name)
            if text == "infinity":
                yield what, resource.RLIM_INFINITY
            elif text:
                yield what, int(text[:-1]) * SUFFIXES[text[-1]] if text[-1] in SUFFIXES else int(text)

    def capabilities(self):
        return {word.upper() for word in self.all("AmbientCapabilities")}
