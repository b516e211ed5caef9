"""Holds one region's processes: when standard input closes, whoever closed it, they are killed.

The region runs in a session of its own, so that it can be stopped or killed as a whole; this guard is not part of it and
so can still kill it while it is stopped.
"""

import json
import os
import signal
import subprocess
import sys
import threading

signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
region = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)


def kill_region():
    try:
        os.killpg(region.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def watch():
    while os.read(0, 4096):
        pass
    kill_region()


threading.Thread(target=watch, daemon=True).start()
try:
    os.write(1, (json.dumps({"pid": region.pid}) + "\n").encode())
except BrokenPipeError:
    pass
status = region.wait()
# Workers that the region's first process left behind.
kill_region()
os._exit(status if 0 <= status <= 255 else 1)
