#!/usr/bin/python3
"""Counts the test cases of a "meson test" run from its log: prints "PASSED FAILED SKIPPED", then, after a line
each, the name, the result and the end of the output of every test program that failed.

    test_counts.py BUILD_DIR

A Catch2 program counts by its console summary; one that ended otherwise than its summary says, and a test without
a summary, counts as one.
"""
import json
import re
import sys

ALL_PASSED = re.compile(r"^All tests passed \(.* in (\d+) test cases?\)", re.M)
TABLE = re.compile(r"^test cases: +(.*)$", re.M)


def summary(output):
    """(passed, failed, skipped) of a Catch2 console report, or None."""
    found = TABLE.search(output)
    if found:
        numbers = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped)", found.group(1))}
        return numbers.get("passed", 0), numbers.get("failed", 0), numbers.get("skipped", 0)
    found = ALL_PASSED.search(output)
    return (int(found.group(1)), 0, 0) if found else None


def count(test):
    """A test of the log -> (passed, failed, skipped)."""
    kept = summary(test.get("stdout", ""))
    if kept is None:
        return {"OK": (1, 0, 0), "EXPECTEDFAIL": (1, 0, 0), "SKIP": (0, 0, 1)}.get(test["result"], (0, 1, 0))
    passed, failed, skipped = kept
    all_skipped = passed == 0 and failed == 0 and skipped > 0  # Catch2 ends with status 4 then
    if failed == 0 and test["result"] not in ("OK", "SKIP") and not all_skipped:
        failed = 1  # a crash or a sanitizer's report after the summary
    return passed, failed, skipped


def describe(test):
    output = (test.get("stdout", "") + test.get("stderr", "")).splitlines()
    return "\n".join([f"{test['name']}: {test['result']} after {test.get('duration', 0):.1f} s", *output[-40:]])


def main():
    totals = [0, 0, 0]
    failures = []
    with open(f"{sys.argv[1]}/meson-logs/testlog.json") as log:
        for test in map(json.loads, log):
            counted = count(test)
            totals = [a + b for a, b in zip(totals, counted)]
            if counted[1]:
                failures.append(describe(test))
    print(*totals)
    print("\n".join(failures))


main()
