#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/results.py counts what failed, and what passed in the end, and loses nothing."""
import os
import tempfile

import results

CASE = '<testcase classname="{}" name="{}"{}>{}</testcase>'


def file(directory, name, *cases):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write("<testsuites><testsuite>" + "".join(CASE.format(*case) for case in cases) + "</testsuite></testsuites>")
    return path


def main():
    fails, errs, skips = "<failure message='x'/>", "<error message='x'/>", "<skipped/>"
    steady, unsteady = ("tests.netns.test_a", "test_one", "", ""), ("tests.netns.test_a", "test_two[dr]", "", fails)
    with tempfile.TemporaryDirectory() as directory:
        first = file(directory, "first.xml", steady, unsteady, ("tests.netns.test_b", "test_three", "", skips))
        ctest = file(directory, "ctest.xml", ("Unit", "Unit.One", ' status="run"', ""),
                     ("Unit", "Unit.Off", ' status="disabled"', ""))
        assert results.failed(first, ctest) == "tests/netns/test_a.py::test_two[dr]\n"
        assert results.total(first, ctest) == ("2 passed, 1 failed, 2 skipped", True)
        passed = file(directory, "passed.xml", (*unsteady[:3], ""))
        assert results.total("--again", passed, first) == (
            "passed only when run again alone: tests/netns/test_a.py::test_two[dr]\n2 passed, 0 failed, 1 skipped", False)
        for verdict in (fails, errs, skips):
            still = file(directory, "still.xml", (*unsteady[:3], verdict))
            assert results.total("--again", still, first) == ("1 passed, 1 failed, 1 skipped", True)
        nothing = os.path.join(directory, "none.xml")
        assert results.total("--again", nothing, first, nothing) == ("1 passed, 1 failed, 1 skipped", True)
        assert results.failed(file(directory, "error.xml", (*steady[:3], errs))) == "tests/netns/test_a.py::test_one\n"


main()
