# SPDX-License-Identifier: Apache-2.0
"""The program behind ./demo: boots a router, does the main job on it as a person would, and verifies the dossier as its collector would."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))

import workflow  # noqa: E402
from collector import Collector, root_certificate  # noqa: E402
from envelope import Envelope  # noqa: E402
from machine import ADMIN, MachineError  # noqa: E402
from private_bus import PrivateBus  # noqa: E402
from router import BOXES, Router, why_no_router  # noqa: E402
from terminal import TerminalError, rendered  # noqa: E402

NAME = "demo"
COLLECTOR = BOXES / "demo-collector"
COLOUR = sys.stdout.isatty() and os.environ.get("NO_COLOR") is None


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def title(text):
    print(f"\n{paint('1', text)}\n{paint('1', '-' * len(text))}", flush=True)


def remark(text):
    print(paint("36", text), flush=True)


class Progress:
    """One line for a step that takes a while: on a terminal with the seconds as they pass, elsewhere when it is done."""

    def __init__(self, text):
        self.text = text
        self.begun = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.begun

    def tick(self):
        if sys.stdout.isatty():
            print(f"\r{self.text} ... {self.seconds():.0f} s", end="", flush=True)

    def __enter__(self):
        self.tick()
        return self

    def __exit__(self, kind, *_):
        print(("\r" if sys.stdout.isatty() else "") + f"{self.text}: {'failed' if kind else 'done'}, {self.seconds():.1f} s", flush=True)

    def run(self, argv, log, **options):
        """Runs a command with its output in a log, ticking; shows the end of the log when it fails."""
        with log.open("ab") as output:
            process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options)
            while process.poll() is None:
                try:
                    process.wait(1)
                except subprocess.TimeoutExpired:
                    self.tick()
        if process.returncode:
            raise MachineError(f"{shlex.join(argv)} failed:\n{log.read_text(errors='replace')[-4000:]}")


def build():
    """The build folder; CHANCERY_BUILD names one that is taken as it is."""
    if os.environ.get("CHANCERY_BUILD"):
        return pathlib.Path(os.environ["CHANCERY_BUILD"])
    folder = ROOT / "build"
    BOXES.mkdir(exist_ok=True)
    log = BOXES / "demo-build.log"
    log.unlink(missing_ok=True)
    with Progress("Building Chancery in build/") as progress:
        if not (folder / "build.ninja").exists():
            progress.run(["meson", "setup", str(folder)], log)
        progress.run(["ninja", "-C", str(folder)], log)
    log.unlink(missing_ok=True)
    return folder


def boot(folder):
    """A booted router, or, with the reason said, the daemons on a private bus."""
    down()
    reason = why_no_router()
    if reason:
        remark(f"No router can be booted here: {reason}.\n"
               "The same daemons run under their own users on a private system bus instead, with the real polkitd.\n"
               "For that, accounts and links are made on this machine; ./demo down takes them away again.")
        with Progress("Starting the daemons"):
            machine = PrivateBus(folder, keep=True).start()
            machine.wait_daemons()
        return machine
    with Progress("Booting a router: systemd in a container, over an overlay of this machine's root"):
        machine = Router(NAME, build=folder, keep=True).start()
        machine.wait_daemons()
    return machine


def attach():
    return Router.attach(NAME) or PrivateBus.attach()


class Screen:
    """Shows a session: on a terminal as it comes, elsewhere line by line as it looks in the end."""

    def __init__(self):
        self.line = ""

    def __call__(self, text):
        if sys.stdout.isatty():
            print(text, end="", flush=True)
            return
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            print(rendered(line.rstrip("\r")), flush=True)


def on_the_router(machine):
    """The operator's part, typed into one session."""
    title(f"On the router, as {ADMIN}")
    remark(f"$ ssh {ADMIN}@router")
    with machine.ssh_console(ADMIN, log=Screen()) as console:
        console.prompt()
        console.command("terminal length 0")
        for text, steps in (
                ("a name, and a user who may collect the dossier and nothing else",
                 [lambda lines=lines: workflow.commit(console, lines) for lines in workflow.COMMITS[:4]]),
                ("a trustpoint that signs for itself", [lambda: workflow.commit(console, workflow.TRUSTPOINT)]),
                ("what has been committed", [lambda: console.command("show running-config")]),
                ("keys: they are made in keyd, and stay there",
                 [lambda: workflow.generate_rsa(console, "system-root-key"), lambda: workflow.generate_rsa(console, "system-enroll-key"),
                  lambda: workflow.generate_ecdsa(console, "system-root-key"), lambda: workflow.generate_ecdsa(console, "system-enroll-key"),
                  lambda: console.command("show crypto key mypubkey rsa"), lambda: console.command("show crypto key mypubkey ecdsa")]),
                ("the root certificate, and the router's own", [lambda: workflow.authenticate(console), lambda: workflow.enroll(console),
                 lambda: console.command("show crypto ca certificates system-trustpoint")]),
                ("the built-in authorities, the first of them", [lambda: console.command("show crypto ca trustpool | utility head count 12")])):
            console.command("!")
            console.command(f"! {text}")
            for step in steps:
                step()
    print()


def show_run(collector, argv, said="", refusal=False):
    """Shows and runs one command of the collector's. refusal: it is to fail, and its exit status is the point."""
    remark("$ " + shlex.join(argv))
    result = collector.run(argv)
    sys.stdout.write((result.stdout + result.stderr).decode(errors="replace"))
    if refusal:
        print(f"exit status {result.returncode}")
    if (result.returncode != 0) != refusal:
        raise MachineError(f"{shlex.join(argv)}: exit status {result.returncode}")
    if said:
        print(said)
    sys.stdout.flush()


def collect(machine, folder):
    title("On the collector's side, over ssh as dossier-user")
    collector = Collector(COLLECTOR, root_certificate(machine), folder / "cli/verify")
    command = f"{workflow.DOSSIER} | {workflow.SIGN}"
    remark(f'$ ssh dossier-user@router "{command}" > dossier.json')
    begun = time.monotonic()
    data = workflow.collect(machine, command)
    (COLLECTOR / "dossier.json").write_bytes(data)
    envelope = Envelope(data)
    print(f"{len(data)} bytes after {time.monotonic() - begun:.1f} s: {', '.join(envelope.members)}")
    header = {name: value if name != "x5c" else f"{len(value)} certificates" for name, value in envelope.header.items()}
    print(f"protected header: {json.dumps(header)}")
    dossier = json.loads(envelope.payload)
    for selector in workflow.SELECTORS:
        part = dossier[selector]
        print(f"  {selector:<26} {part['result-code']}, {len(json.dumps(part))} bytes")
    return collector, envelope


def verify(collector, envelope):
    title("Verified with chancery-verify, with the jose tool, and with openssl")
    verifier = ["chancery-verify", "--root", "root.pem", "--nonce", workflow.NONCE]
    show_run(collector, [*verifier, "dossier.json"])
    collector.take_apart(envelope)
    show_run(collector, ["jose", "jws", "ver", "-i", "dossier.json", "-k", "leaf.jwk"], "the signature is good")
    show_run(collector, ["openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "leaf.pem"])
    show_run(collector, ["openssl", "dgst", "-sha256", "-verify", "leaf.pub", "-signature", "signature.bin", "signed.txt"])

    title("A copy with one bit of it changed is refused")
    (COLLECTOR / "tampered.json").write_text(envelope.payload_flipped())
    show_run(collector, [*verifier, "tampered.json"], refusal=True)
    show_run(collector, ["jose", "jws", "ver", "-i", "tampered.json", "-k", "leaf.jwk"], refusal=True)


def down():
    running = attach()
    if running:
        with Progress(f"Ending {running.kind}"):
            running.stop()
    shutil.rmtree(COLLECTOR, ignore_errors=True)
    try:
        BOXES.rmdir()
    except OSError:  # other routers are there, or none ever was
        pass
    return running is not None


def shell(user):
    machine = attach()
    if not machine:
        sys.exit("demo: nothing is running; ./demo starts it")
    if user == "root":
        words = machine.words(["bash", "-l"])
    else:
        words = [*machine.ssh_words(), *(["-t"] if sys.stdin.isatty() else []), f"{user}@{machine.address()}"]
    os.execvp(words[0], words)


def main(argv):
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")
    if argv[:1] == ["down"]:
        sys.exit(0 if down() else "demo: nothing is running")
    if argv[:1] == ["shell"]:
        shell(argv[1] if len(argv) > 1 else ADMIN)
    try:
        folder = build()
        machine = boot(folder)
        on_the_router(machine)
        verify(*collect(machine, folder))
    except (MachineError, TerminalError, AssertionError, OSError) as error:
        sys.exit(f"\ndemo: {error}")
    title("The router stays up" if machine.can_reboot else "The daemons stay up")
    print(f"./demo shell          logs in to it as {ADMIN}\n./demo shell root     gives a root shell on it\n./demo down           ends it")
    print(f"The dossier is in {COLLECTOR}")


if __name__ == "__main__":
    main(sys.argv[1:])
