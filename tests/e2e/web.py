"""A hub that speaks HTTP for one test, and curl to ask it."""

import subprocess

from hubs import UNSIGNED, Hub


class Web:
    """mayflyd with one HTTP listener for the given entries of `services`."""

    def __init__(self, directory, *services):
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.hub = Hub(directory, "mayfly: 1\nhttp:\n  - listen: 127.0.0.1:0\nservices:\n"
                       + "".join(services) + UNSIGNED)
        self.url = f"http://127.0.0.1:{self.hub.events('listening', transport='http')[0]['port']}"

    def curl(self, path, *options, text=True, status=0):
        """What curl prints; -s, and it must end with `status`."""
        done = subprocess.run(["curl", "-sS", "--max-time", "30", *map(str, options),
                               self.url + path], capture_output=True, text=text, timeout=60)
        assert done.returncode == status, (done.returncode, done.stderr)
        return done.stdout

    def ask(self, path, *options):
        """(status, headers with small names, body as bytes) of one request."""
        head, body = self.directory / "head", self.directory / "body"
        body.write_bytes(b"")
        self.curl(path, "-D", head, "-o", body, *options)
        lines = head.read_bytes().decode("latin-1").strip().split("\r\n\r\n")[-1].split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        got = b"" if "-I" in options else body.read_bytes()  # with -I curl writes the head there
        return int(lines[0].split()[1]), {k.lower(): v for k, v in headers.items()}, got
