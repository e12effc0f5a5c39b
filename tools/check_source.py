# SPDX-License-Identifier: Apache-2.0
"""The limits on style that a compiler does not check. Prints FILE:LINE: REASON for each finding; check.py runs the rules one by one."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = ("common", "dbus", "keyd", "enrolld", "poold", "dossierd", "hostd", "policy", "fetch", "cli", "integration", "tests")
DAEMON_ROOMS = ("keyd", "enrolld", "poold", "dossierd", "hostd", "policy", "fetch", "cli")
FUNCTION_LINES = 80
FILE_LINES = 800
COLUMNS = 100
NESTING = 5  # levels of braces inside a function's own

BANNED = {
    r"(?:strcpy|strcat|stpcpy)": "snprintf(), or strdup() and asprintf()",
    r"v?sprintf": "snprintf() or asprintf()",
    r"gets": "getline()",
    r"strtok": "strtok_r() or strsep()",
    r"ato[ilf]|atoll": "strtoul() with all its checks",
    r"system|popen": "posix_spawn() or sd_bus",
    r"alloca": "malloc()",
    r"tmpnam|tempnam|mktemp": "mkostemp() or O_TMPFILE",
    r"s?rand|random": "RAND_bytes() or getrandom()",
    r"PKCS7_\w+|d2i_PKCS7\w*|i2d_PKCS7\w*": "the CMS API",
    r"getpwnam|getpwuid|getgrnam|getgrgid": "the _r form",
    r"localtime|gmtime|ctime|asctime": "the _r form",
    r"sleep|usleep": "a timer of the event loop",
}


def sources(*suffixes):
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def blank_out(text):
    """The code without comments, strings and characters, every line where it was."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def functions(lines):
    """Pairs of first and last line of what stands between braces in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield start, number
            start = None


def rule_function_length():
    """no function longer than 80 lines"""
    for path in sources(".c", ".h"):
        for start, end in functions(path.read_text().splitlines()):
            if end - start > FUNCTION_LINES:
                yield path, start, f"a function of {end - start} lines"


def rule_file_length():
    """no file longer than 800 lines"""
    for path in sources(".c", ".h", ".py"):
        count = len(path.read_text().splitlines())
        if count > FILE_LINES:
            yield path, count, f"{count} lines"


def rule_columns():
    """no line of C longer than 100 columns"""
    for path in sources(".c", ".h"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > COLUMNS:
                yield path, number, f"{len(line)} columns"


def rule_nesting():
    """no code nested deeper than five levels"""
    for path in sources(".c"):
        lines = blank_out(path.read_text()).splitlines()
        for start, end in functions(lines):
            depth = 0
            for number in range(start, end):
                depth += lines[number].count("{") - lines[number].count("}")
                if depth > NESTING:
                    yield path, number + 1, f"{depth} levels deep"
                    break


def rule_banned_calls():
    """no call that has a safer form"""
    for path in sources(".c", ".h"):
        if path.relative_to(ROOT).parts[0] == "tests":
            continue
        for number, line in enumerate(blank_out(path.read_text()).splitlines(), 1):
            for call, better in BANNED.items():
                match = re.search(rf"(?<![\w.>])({call})\s*\(", line)
                if match:
                    yield path, number, f"{match.group(1)}(): take {better}"


def rule_licence():
    """an SPDX line first in every file"""
    for path in sources(".c", ".h", ".py", ".sh"):
        first = path.read_text().splitlines()[:2]
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in first):
            yield path, 1, "no SPDX-License-Identifier: Apache-2.0 in the first two lines"


def rule_includes_one_way():
    """a room includes its own headers, dbus/ and common/, never another daemon's"""
    owners = {}
    for path in sources(".h"):
        owners.setdefault(path.name, set()).add(path.relative_to(ROOT).parts[0])
    for path in sources(".c", ".h"):
        room = path.relative_to(ROOT).parts[0]
        if room == "tests":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            header = match.group(1)
            others = owners.get(pathlib.Path(header).name, set())
            if "/" in header and header.split("/")[0] in DAEMON_ROOMS and header.split("/")[0] != room:
                yield path, number, f"includes {header} of another room"
            elif others and not others - set(DAEMON_ROOMS) and room not in others:
                yield path, number, f"includes {header}, which is {' and '.join(sorted(others))}'s"


def rule_layout():
    """no tabs, no blanks at the end of a line, a newline at the end of a file"""
    for path in sources(".c", ".h", ".py"):
        text = path.read_text()
        for number, line in enumerate(text.split("\n"), 1):
            if "\t" in line or line != line.rstrip():
                yield path, number, "a tab or trailing blanks"
        if text and not text.endswith("\n"):
            yield path, len(text.splitlines()), "no newline at the end"


def rules():
    """Name, what must hold, and the function that finds where it does not."""
    return [(name[5:].replace("_", "-"), function.__doc__, function)
            for name, function in globals().items() if name.startswith("rule_")]


def main():
    failed = False
    for _, _, function in rules():
        for path, number, reason in function():
            print(f"{path.relative_to(ROOT)}:{number}: {reason}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
