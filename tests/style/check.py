"""Style check of the C sources: banned functions, raw heap calls outside the base, units that
include each other, formatting.

Fails on those. Long files and functions are listed only: a piece that reads better whole stays so.
Usage: check.py [file...]   (default: every C file under version control)
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BANNED = "strcpy strcat sprintf vsprintf strtok atoi atol alloca gmtime localtime rand system".split()
HEAP = "malloc calloc realloc reallocarray free strdup strndup".split()
FILE_LINES, HEADER_LINES, FUNCTION_LINES = 600, 150, 60

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
NOT_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def call_of(names):
    """A call by plain name: not a member (x.free, x->free) and not part of a longer name."""
    return re.compile(r"(?<![\w.])(?<!->)(" + "|".join(names) + r")\s*\(")


BANNED_CALL, HEAP_CALL = call_of(BANNED), call_of(HEAP)


def tracked():
    if shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, capture_output=True,
                                text=True)
        # A copy inside somebody else's checkout has nothing listed.
        if listed.returncode == 0 and listed.stdout:
            return [name for name in listed.stdout.split() if (ROOT / name).exists()]
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.[ch]")
                  if "build" not in path.relative_to(ROOT).parts)


def code_only(text):
    """The text with comments and literals blanked out, line numbers kept."""
    return NOT_CODE.sub(lambda hit: re.sub(r"[^\n]", " ", hit.group()), text)


def banned_calls(name, code):
    checks = [(BANNED_CALL, "is banned")]
    if not name.startswith("core/base/"):
        checks.append((HEAP_CALL, "outside core/base: use an arena or mem_*"))
    for pattern, why in checks:
        for hit in pattern.finditer(code):
            yield f"{name}:{code.count(chr(10), 0, hit.start()) + 1}: {hit.group(1)}() {why}"


def long_pieces(name, code):
    lines = code.splitlines()
    bound = HEADER_LINES if name.endswith(".h") else FILE_LINES
    if len(lines) > bound:
        yield f"{name}: {len(lines)} lines (aim: {bound})"
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                yield f"{name}:{start}: function of {number - start - 1} lines (aim: {FUNCTION_LINES})"
            start = None


def included_units(names):
    """Unit (a header and its .c) -> the units that it includes, by the end of the include's path."""
    places, units = {}, {}
    for name in names:
        parts = name.split("/")
        for i in range(len(parts)):
            places.setdefault("/".join(parts[i:]), []).append(name)
    for name in names:
        unit = units.setdefault(name[:-2], set())
        for path in INCLUDE.findall((ROOT / name).read_text(encoding="utf-8")):
            # Of several files of this name, that of the same library is meant.
            found = max(places.get(path, []), default=None,
                        key=lambda place: len(os.path.commonprefix([place, name])))
            if found and found[:-2] != name[:-2]:
                unit.add(found[:-2])
    return units


def circles(names):
    """Arrows go one way: no unit includes one that, in the end, includes it."""
    units, done, path = included_units(names), set(), []

    def walk(unit):
        if unit in path:
            yield " -> ".join(path[path.index(unit):] + [unit]) + ": includes in a circle"
        elif unit not in done:
            path.append(unit)
            for other in sorted(units[unit]):
                yield from walk(other)
            path.pop()
            done.add(unit)

    for unit in sorted(units):
        yield from walk(unit)


def misformatted(names):
    program = shutil.which("clang-format")
    if not program or not names:
        return []
    result = subprocess.run([program, "--dry-run", "--Werror", *names], cwd=ROOT,
                            capture_output=True, text=True)
    found = re.findall(r"^(\S+?:\d+):\d+: error:", result.stderr, re.MULTILINE)
    if result.returncode != 0 and not found:
        return [result.stderr.strip() or "clang-format failed"]
    files = dict.fromkeys(place.split(":")[0] for place in found)
    return [f"{name}: not formatted (clang-format -i {name})" for name in files]


def main():
    names = sys.argv[1:] or tracked()
    faults, remarks = [], []
    for name in names:
        code = code_only((ROOT / name).read_text(encoding="utf-8"))
        faults += banned_calls(name, code)
        remarks += long_pieces(name, code)
    faults += circles(tracked())
    faults += misformatted(names)
    for line in remarks:
        print("remark:", line)
    for line in faults:
        print(line)
    print(f"{len(names)} files, {len(faults)} faults, {len(remarks)} remarks")
    return 1 if faults or not names else 0


if __name__ == "__main__":
    sys.exit(main())
