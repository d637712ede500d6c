#!/usr/bin/env python3
"""Prints what is said on a topic, and comes back when the server does: listen.py URL"""
import sys
import time
import urllib.request

request = urllib.request.Request(sys.argv[1], headers={"Accept": "text/event-stream"})
while True:
    try:
        # Past a minute without a sign of life (there is one every 25 s) the connection is dead.
        with urllib.request.urlopen(request, timeout=60) as stream:
            name, lines = "message", []
            for line in stream:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    lines.append(value)
                elif not field:
                    if lines and name == "message":
                        print("\n".join(lines), flush=True)
                    name, lines = "message", []
    except OSError as error:
        print(error, file=sys.stderr)
    time.sleep(1)
