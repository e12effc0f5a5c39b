#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The YANG module (RFC 7950) of the dossier, from its JSON Schema: one description of the document, in two languages.

    yang-from-schema.py dossier.schema.json > chancery-dossier.yang

Lists have no keys, as state may (section 7.8.2). Numbers with a point are decimal64, whole ones of 64 bits; in RFC 7951 both stand in quotes, and
that is the only way in which a dossier has to be rewritten for a YANG validator. A value whose form follows from another member (a fact's, by
its id) is anyxml here: JSON Schema says more of it.
"""
import json
import re
import sys

HEAD = """module chancery-dossier {{
  yang-version 1.1;
  namespace "urn:chancery:dossier";
  prefix dossier;

  organization "Chancery";
  description "{description}";

  revision {revision} {{
    description "As the schema {identity} has it.";
  }}

"""


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Module:
    def __init__(self, schema):
        self.schema = schema
        self.lines = []

    def resolve(self, schema):
        while isinstance(schema, dict) and "$ref" in schema:
            target = self.schema
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        return schema

    def put(self, depth, text):
        self.lines.append("  " * depth + text)

    def type_of(self, schema):
        """The statements of a leaf's type."""
        if "const" in schema or "enum" in schema:
            return ["type enumeration {", *(f"  enum {quoted(value)};" for value in schema.get("enum", [schema.get("const")])), "}"]
        kind = schema["type"]
        if kind == "boolean":
            return ["type boolean;"]
        if kind == "number":
            return ["type decimal64 {", "  fraction-digits 6;", "}"]
        if kind == "integer":
            name = "uint64" if schema.get("minimum", -1) >= 0 else "int64"
            if "minimum" not in schema and "maximum" not in schema:
                return [f"type {name};"]
            return [f"type {name} {{", f"  range \"{schema.get('minimum', 'min')}..{schema.get('maximum', 'max')}\";", "}"]
        if schema.get("contentEncoding") == "base64":
            return ["type binary;"]
        pattern = re.fullmatch(r"\^(.*)\$", schema.get("pattern", ""))
        if pattern:
            return ["type string {", f"  pattern {quoted(pattern[1])};", "}"]
        return ["type string;"]

    def node(self, name, schema, depth, mandatory=False):
        schema = self.resolve(schema)
        if schema is True or "oneOf" in schema and "type" not in schema:
            self.put(depth, f"anyxml {name};")
            return
        if schema.get("type") == "object" and "properties" not in schema:
            self.put(depth, f"anydata {name};")
            return
        items = self.resolve(schema["items"]) if schema.get("type") == "array" else None
        if schema.get("type") == "object" or items is not None and items.get("type") == "object":
            self.put(depth, f"{'container' if items is None else 'list'} {name} {{")
            if items is None and not mandatory:
                self.put(depth + 1, 'presence "It may be missing, and what it has to have with it.";')
            self.members(items or schema, depth + 1)
            self.put(depth, "}")
            return
        self.put(depth, f"{'leaf' if items is None else 'leaf-list'} {name} {{")
        for line in self.type_of(schema if items is None else items):
            self.put(depth + 1, line)
        if mandatory and items is None:
            self.put(depth + 1, "mandatory true;")
        if "description" in schema:
            self.put(depth + 1, f"description {quoted(schema['description'])};")
        self.put(depth, "}")

    def members(self, schema, depth):
        for name, member in schema["properties"].items():
            self.node(name, member, depth, name in schema.get("required", []))

    def text(self):
        revision = self.schema["properties"]["model-revision"]["const"]
        head = HEAD.format(description=self.schema["title"] + ". " + self.schema["description"].replace('"', "'"), revision=revision,
                           identity=self.schema["$id"])
        self.put(1, "container dossier {")
        self.put(2, "config false;")
        self.members(self.schema, 2)
        self.put(1, "}")
        return head + "\n".join(self.lines) + "\n}\n"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(Module(json.load(file)).text())
