# SPDX-License-Identifier: Apache-2.0
"""Dossiers as an administrator collects them, and their schema."""

import json
import pathlib

import workflow
from json_schema import Schema
from machine import ADMIN

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = Schema(json.loads((ROOT / "dossierd/dossier.schema.json").read_text()))


def collect(machine, selectors=workflow.SELECTORS, nonce=workflow.NONCE):
    """A dossier by the CLI."""
    command = f"show platform security integrity dossier include {' '.join(selectors)}" + (f" nonce {nonce}" if nonce else "")
    text = machine.chancery(command, ADMIN).stdout
    return json.loads(text[text.index("{"):])


def content(dossier, selector):
    return dossier[selector][selector]
