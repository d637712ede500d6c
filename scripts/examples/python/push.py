#!/usr/bin/env python3
"""Pushes a text to everyone who listens: push.py URL TEXT [TOKEN]"""
import sys
import urllib.error
import urllib.request

url, text, *token = sys.argv[1:]
request = urllib.request.Request(url, text.encode(), {"Content-Type": "text/plain"})
if token:
    request.add_header("Authorization", f"Bearer {token[0]}")
try:
    with urllib.request.urlopen(request) as answer:
        print(answer.read().decode(), end="")
except urllib.error.HTTPError as refused:
    sys.exit(f"{refused.code} {refused.read().decode().strip()}")
