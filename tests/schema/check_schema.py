#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON Schema of lvsd.yaml is right: it knows the loader's keys, mapping by mapping, takes every
good file of the tree, and refuses what a schema can see is wrong.   check_schema.py SOURCE"""
import glob
import json
import os
import re
import sys

import jsonschema
import yaml

# Key lists that are no mapping of lvsd.yaml's.
OTHER_SOURCES = {"network_file.cc"}
# What only lvsd --check finds, though its message sounds as if a schema could: what depends on
# another key, or on the text rather than the value.
BEYOND = {"cpus_backwards", "scheduler_flags_unfit", "netmask_too_long", "family_without_mark", "tunnel_wrong",
          "many_mistakes", "destination_port_zero", "listen_port_large", "listen_port_zero"}
EXPRESSIBLE = re.compile(r"unknown key|is not known here|where an? \S+ (\S+ )?belongs|is not in \d|"
                         r": has no '|is not a boolean|is not a whole number|has no unit")


class Loader(yaml.SafeLoader):
    """YAML as lvsd and the editors read it: 'on' and 'yes' are words, 010 and 1:30 no numbers."""


Loader.yaml_implicit_resolvers = {}
DIGITS = "-0123456789"
for tag, pattern, first in (("bool", r"^(true|false)$", "tf"),
                            ("int", r"^-?(0|[1-9]\d*)$", DIGITS),
                            ("float", r"^-?\d+\.\d+$", DIGITS),
                            ("null", r"^(null|~|)$", ["n", "~", ""])):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)


def loader_keys(source):
    """Where -> the keys of each mapping that the loader reads."""
    found = {}
    for path in sorted(glob.glob(os.path.join(source, "src/config/*.cc"))):
        if os.path.basename(path) in OTHER_SOURCES:
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for array in re.finditer(r"std::array<std::string_view, \d+>(.*?);", text, re.S):
            for name, keys in re.findall(r"(k\w*Keys)\{(.*?)\}", array.group(1), re.S):
                line = text.count("\n", 0, array.start()) + 1
                where = f"{os.path.relpath(path, source)}:{line}: {name}"
                found[where] = set(re.findall(r'"([^"]+)"', keys))
    return found


def schema_objects(schema, path="lvsd.yaml"):
    if isinstance(schema, dict):
        if "properties" in schema:
            yield path, set(schema["properties"])
        for key, value in schema.items():
            if key in ("if", "then"):
                continue
            yield from schema_objects(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from schema_objects(value, f"{path}/{number}")


def compare_keys(source, schema):
    objects = dict(schema_objects(schema))
    lists = loader_keys(source)
    if len(lists) < 8:
        yield f"only {len(lists)} lists of keys found in src/config: has their form changed?"
    for where, keys in lists.items():
        if keys in objects.values():
            continue
        path, best = max(objects.items(),
                         key=lambda each: 2 * len(each[1] & keys) - len(each[1] ^ keys))
        yield (f"etc/lvsd.schema.json lacks what {where} has; the nearest, {path}, "
               f"has not {sorted(keys - best)} and has besides {sorted(best - keys)}")
    for path, keys in objects.items():
        if keys not in lists.values():
            yield f"etc/lvsd.schema.json: {path} {sorted(keys)} is no list of keys in src/config"


def manual_examples(source):
    with open(os.path.join(source, "man/lvsd.yaml.5"), encoding="utf-8") as file:
        blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", file.read(), re.S | re.M)
    for number, block in enumerate(blocks):
        document = yaml.load(block.replace(r"\&", "").replace(r"\e", "\\"), Loader)
        if isinstance(document, dict) and "services" in document:
            yield f"man/lvsd.yaml.5, example {number + 1}", document


def good_files(source):
    patterns = ("etc/lvsd.yaml", "tests/config/good/*.yaml", "tests/replay/*/*.yaml",
                "tests/oracle/cases/*/*.yaml")
    for path in sorted(sum((glob.glob(os.path.join(source, each)) for each in patterns), [])):
        try:
            document = load(path)
        except yaml.YAMLError:  # of a replay case that reloads a broken file
            continue
        if isinstance(document, dict) and "services" in document:
            yield os.path.relpath(path, source), document
    yield from manual_examples(source)


def check_good(source, validator):
    taken = 0
    for name, document in good_files(source):
        wrong = next(validator.iter_errors(document), None)
        taken += 1
        if wrong is not None and "broken" not in name:
            yield f"{name} is refused: {wrong.json_path}: {wrong.message}"
    if taken < 40:
        yield f"only {taken} good files found"


def check_broken(source, validator):
    refused = 0
    for path in sorted(glob.glob(os.path.join(source, "tests/config/broken/*.yaml"))):
        name = os.path.splitext(os.path.basename(path))[0]
        try:
            document = load(path)
            with open(path, encoding="utf-8") as file:
                expected = file.readline()
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue  # no YAML
        if not validator.is_valid(document):
            refused += 1
        elif EXPRESSIBLE.search(expected) and name not in BEYOND:
            yield f"tests/config/broken/{name}.yaml is taken, but {expected[10:].strip()}"
    print(f"{refused} broken files refused")
    if refused < 60:
        yield f"only {refused} broken files are refused"


def main(source):
    with open(os.path.join(source, "etc/lvsd.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    wrong = [*compare_keys(source, schema), *check_good(source, validator),
             *check_broken(source, validator)]
    print("\n".join(wrong) or "the schema is as the loader")
    if wrong:
        print("(Each list of keys in src/config has its object in etc/lvsd.schema.json: edit that.)")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
