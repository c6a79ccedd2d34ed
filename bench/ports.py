"""A port for a server that can't be told to take any."""

import random
import socket

_names = []  # hold ports for this process; the kernel lets go of them when it ends
_chance = random.SystemRandom()


def free_port():
    """Free for UDP and TCP, none that the kernel hands out for outgoing connections, for those come and
    go by the thousand in here, and none that another process was given by this: a name in the
    abstract namespace stands for each."""
    while True:
        port = _chance.randrange(10000, 32000)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                name.bind(f"\0mayfly-port-{port}")
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                name.close()
                continue
        _names.append(name)
        return port
