# SPDX-License-Identifier: Apache-2.0
"""Validation against a JSON Schema (2020-12), as much of it as our own schemas use. A keyword that is not known here is an error, so that no
rule is passed over in silence."""

import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "contentEncoding", "then", "else"}


def is_type(value, name):
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class Schema:
    def __init__(self, root):
        self.root = root

    def problems(self, value, schema=None, where=""):
        """What is wrong with the value, one sentence each."""
        schema = self.root if schema is None else schema
        if schema is True:
            return
        for keyword, rule in schema.items():
            if keyword not in ANNOTATIONS:
                check = getattr(self, "check_" + keyword.replace("$", "").lower(), None)
                if check is None:
                    raise ValueError(f"{keyword}: a keyword that this validator does not know")
                yield from check(value, rule, schema, where)

    def fits(self, value, schema, where):
        return not any(True for _ in self.problems(value, schema, where))

    def check_ref(self, value, rule, _schema, where):
        target = self.root
        for part in rule.removeprefix("#/").split("/"):
            target = target[part]
        yield from self.problems(value, target, where)

    def check_type(self, value, rule, _schema, where):
        if not is_type(value, rule):
            yield f"{where}: not of type {rule}: {value!r:.80}"

    def check_const(self, value, rule, _schema, where):
        if value != rule:
            yield f"{where}: not {rule!r}: {value!r:.80}"

    def check_enum(self, value, rule, _schema, where):
        if value not in rule:
            yield f"{where}: none of {rule}: {value!r:.80}"

    def check_pattern(self, value, rule, _schema, where):
        if isinstance(value, str) and not re.search(rule, value):
            yield f"{where}: does not match {rule}: {value!r:.80}"

    def check_minimum(self, value, rule, _schema, where):
        if is_type(value, "number") and value < rule:
            yield f"{where}: below {rule}: {value}"

    def check_maximum(self, value, rule, _schema, where):
        if is_type(value, "number") and value > rule:
            yield f"{where}: above {rule}: {value}"

    def check_required(self, value, rule, _schema, where):
        for name in rule if isinstance(value, dict) else ():
            if name not in value:
                yield f"{where}: has no {name}"

    def check_properties(self, value, rule, _schema, where):
        for name in rule if isinstance(value, dict) else ():
            if name in value:
                yield from self.problems(value[name], rule[name], f"{where}/{name}")

    def check_additionalproperties(self, value, rule, schema, where):
        if rule is False and isinstance(value, dict):
            for name in value.keys() - schema.get("properties", {}).keys():
                yield f"{where}: a member that is not known: {name}"

    def check_items(self, value, rule, _schema, where):
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from self.problems(item, rule, f"{where}/{index}")

    def check_anyof(self, value, rule, _schema, where):
        if not any(self.fits(value, one, where) for one in rule):
            yield f"{where}: fits none of anyOf"

    def check_oneof(self, value, rule, _schema, where):
        if sum(self.fits(value, one, where) for one in rule) != 1:
            yield f"{where}: does not fit exactly one of oneOf: {value!r:.120}"

    def check_if(self, value, rule, schema, where):
        branch = schema.get("then" if self.fits(value, rule, where) else "else")
        if branch is not None:
            yield from self.problems(value, branch, where)
