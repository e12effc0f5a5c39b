# SPDX-License-Identifier: Apache-2.0
"""Dossiers as an administrator collects them. Whatever test collects one, it is what the JSON Schema and the YANG module say."""

import json
import os
import pathlib
import subprocess
import tempfile

import workflow
from json_schema import Schema
from machine import ADMIN

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = Schema(json.loads((ROOT / "dossierd/dossier.schema.json").read_text()))
MODULE = pathlib.Path(os.environ.get("CHANCERY_BUILD", ROOT / "build")).resolve() / "dossierd/chancery-dossier.yang"


ENTRIES = 20  # of each list: libyang compares each entry with each


def as_rfc7951(value):
    """Numbers of 64 bits and decimal ones stand in quotes there, and a list without elements is not there."""
    if isinstance(value, dict):
        return {name: as_rfc7951(member) for name, member in value.items() if member != []}
    if isinstance(value, list):
        return [as_rfc7951(member) for member in value[:ENTRIES]]
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def yanglint(dossier):
    """What yanglint has against it; it looks at the first entries of each list, while the schema is for all of them."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"chancery-dossier:dossier": as_rfc7951(dossier)}, file)
        file.flush()
        result = subprocess.run(["yanglint", "-t", "data", MODULE, file.name], capture_output=True, text=True, check=False)
    assert (result.returncode == 0) == (not result.stderr), result
    return result.stderr


def read(text):
    """The dossier in what a command printed, which has to be one in both languages, and those of other nodes in it too."""
    dossier = json.loads(text[text.index("{"):])
    for one in (dossier, *(node["dossier"] for node in dossier.get("nodes", []) if node["result-code"] == "Success")):
        assert not list(SCHEMA.problems(one))
        assert yanglint(one) == ""
    return dossier


def collect(machine, selectors=workflow.SELECTORS, nonce=workflow.NONCE):
    """A dossier by the CLI."""
    command = f"show platform security integrity dossier include {' '.join(selectors)}" + (f" nonce {nonce}" if nonce else "")
    return read(machine.chancery(command, ADMIN).stdout)


def content(dossier, selector):
    return dossier[selector][selector]
