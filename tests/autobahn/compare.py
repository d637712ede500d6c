#!/usr/bin/env python
"""Compares a report of the Autobahn test suite with what is expected; runs on Python 2.7 and 3.

    compare.py [--update] SPEC REPORT_FOLDER EXPECTED_FILE

SPEC is what the suite was asked to run: of all that is expected its cases have to be there. Exits 1 where one of them is
missing, came out otherwise or worse than it may. `--update` writes down those that ran, but no verdict that no server has
to live with: a failed case is an error then too.
"""
from __future__ import print_function

import collections
import io
import json
import os
import re
import sys

# Every server gets this verdict for these cases: they only show what it does.
INFORMATIONAL = ("7.1.6", "7.13.1", "7.13.2")


def in_order(case):
    return [int(number) for number in case.split(".")]


def read_json(path):
    with io.open(path, encoding="utf-8") as opened:
        return json.load(opened)


def read_report(folder):
    """What counts of each case: its two verdicts, and the close code that the server sent."""
    (cases,) = read_json(os.path.join(folder, "index.json")).values()
    report = {}
    for case, entry in cases.items():
        details = read_json(os.path.join(folder, entry["reportfile"]))
        report[case] = {
            "behavior": entry["behavior"],
            "behaviorClose": entry["behaviorClose"],
            "remoteCloseCode": details["remoteCloseCode"],
        }
    return report


def failures(report):
    """Cases whose verdict is not to be accepted, whatever is expected."""
    for case in sorted(report, key=in_order):
        allowed = ("OK", "INFORMATIONAL") if case in INFORMATIONAL else ("OK",)
        for verdict in ("behavior", "behaviorClose"):
            if report[case][verdict] not in allowed:
                yield "%s: %s is %s" % (case, verdict, report[case][verdict])


def asked_for(spec, cases):
    """Those of `cases` that the suite takes for asked for: its patterns end where the name of a case may go on."""
    patterns = [re.escape(pattern).replace("\\*", ".*") for pattern in read_json(spec)["cases"]]
    is_whole = [pattern if ".*" in pattern else pattern + "$" for pattern in patterns]
    return {case for case in cases if any(re.match(pattern, case) for pattern in is_whole)}


def differences(report, expected):
    for case in sorted(set(report) | set(expected), key=in_order):
        if case not in report:
            yield "%s: did not run" % case
        elif case not in expected:
            yield "%s: is not expected; --update takes it in" % case
        else:
            for key in sorted(expected[case]):
                is_so, should = report[case].get(key), expected[case][key]
                if is_so != should:
                    yield "%s: %s is %s, not %s" % (case, key, is_so, should)


def write_expected(path, report):
    """One line a case, so that a change shows as one line."""
    lines = [
        "%s: %s" % (json.dumps(case), json.dumps(report[case], sort_keys=True))
        for case in sorted(report, key=in_order)
    ]
    text = "{\n%s\n}\n" % ",\n".join(lines)
    with io.open(path, "w", encoding="utf-8") as opened:
        opened.write(text if isinstance(text, type(u"")) else text.decode("utf-8"))


def sum_up(report):
    sections = collections.defaultdict(collections.Counter)
    for case, entry in report.items():
        sections[in_order(case)[0]][entry["behavior"]] += 1
    for section in sorted(sections):
        verdicts = ["%d %s" % (count, name) for name, count in sorted(sections[section].items())]
        print("section %2d: %s" % (section, ", ".join(verdicts)))
    codes = collections.Counter(str(entry["remoteCloseCode"]) for entry in report.values())
    print("close codes: %s" % ", ".join("%s x %d" % pair for pair in sorted(codes.items())))


def main(arguments):
    update = "--update" in arguments
    paths = [argument for argument in arguments if argument != "--update"]
    if len(paths) != 3 or any(re.match("-", path) for path in paths):
        print(__doc__, file=sys.stderr)
        return 2
    spec, folder, expected_path = paths
    report, expected = read_report(folder), read_json(expected_path)
    sum_up(report)
    wrong = list(failures(report))
    asked = asked_for(spec, expected)
    if update and not wrong:
        others = {case: expected[case] for case in expected if case not in asked}
        write_expected(expected_path, dict(others, **report))
        print("written: %s" % expected_path)
    elif not update:
        wrong += list(differences(report, {case: expected[case] for case in asked}))
    for line in wrong:
        print(line)
    print("%d cases, %s; details: %s" % (
        len(report),
        "all as expected" if not wrong else "%d differences" % len(wrong),
        os.path.join(folder, "index.html"),
    ))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
