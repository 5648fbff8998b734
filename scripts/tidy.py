#!/usr/bin/python3
"""clang-tidy on what a build compiled, only where something changed since the last clean result.

    tidy.py [--quick] BUILD_DIR FOLDER..

A file's result is kept in BUILD_DIR/tidy under the hash of the file, of every header of ours that its object
depends on (as ninja recorded them), of its compile command and of the configuration. --quick leaves the analyzer
out; a full result serves it too.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def recorded_dependencies(build):
    """Object -> the files it was compiled from, as ninja knows them; paths absolute."""
    found, current = {}, None
    for line in run("ninja", "-C", build, "-t", "deps").splitlines():
        if line and not line[0].isspace() and ": #deps" in line:
            current = found.setdefault(line.split(": #deps")[0], [])
        elif line.strip() and current is not None:
            current.append(os.path.normpath(os.path.join(build, line.strip())))
    return found


def key_of(entry, dependencies, top, fixed):
    digest = hashlib.sha256(fixed)
    digest.update(entry["command"].encode())
    source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
    for path in sorted({source, *(p for p in dependencies if p.startswith(top + os.sep))}):
        with open(path, "rb") as file:
            digest.update(path.encode() + b"\0" + hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def check(build, source, quick):
    only = ["--checks=-clang-analyzer-*"] if quick else []
    result = subprocess.run(["clang-tidy", "--quiet", *only, "-p", build, source], capture_output=True, text=True)
    said = [line for line in result.stderr.splitlines() if not re.fullmatch(r"\d+ warnings? .*generated\..*", line)]
    return result.returncode, result.stdout + ("\n".join(said) if result.returncode else "")


def main():
    quick = sys.argv[1] == "--quick"
    build, *folders = sys.argv[2:] if quick else sys.argv[1:]
    build = os.path.abspath(build)
    top = os.path.dirname(build)
    with open(os.path.join(build, "compile_commands.json")) as file:
        entries = json.load(file)
    with open(os.path.join(top, ".clang-tidy"), "rb") as file:
        fixed = file.read() + run("clang-tidy", "--version").encode()
    dependencies = recorded_dependencies(build)
    cache = os.path.join(build, "tidy")
    os.makedirs(cache, exist_ok=True)

    pending, count = {}, 0
    for entry in entries:
        source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        if os.path.relpath(source, top).split(os.sep)[0] not in folders or source in pending:
            continue
        count += 1
        full = os.path.join(cache, key_of(entry, dependencies.get(entry["output"], []), top, fixed))
        marks = [full, full + ".quick"] if quick else [full]
        if not any(os.path.exists(mark) for mark in marks):
            pending[source] = marks[-1]

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, (status, output) in zip(pending, pool.map(lambda path: check(build, path, quick), pending)):
            if status == 0:
                open(pending[source], "w").close()
            else:
                failed += 1
                print(output.strip())
    print(f"clang-tidy: {count} files, {len(pending)} looked at, {failed} with findings")
    sys.exit(failed != 0)


main()
