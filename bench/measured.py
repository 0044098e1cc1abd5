"""Runs a command: seconds, processor seconds and the peak of its anonymous memory, as one csv line.

usage: measured.py LABEL [--cold FILE...] -- PROGRAM WORD...
--cold: these files leave the page cache first. Memory is RssAnon of the program and its children, looked at every 20 ms."""
import os
import resource
import subprocess
import sys
import threading
import time


def forget(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def anonymous(pid):
    total = 0
    try:
        with open(f"/proc/{pid}/status") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("RssAnon"))
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            total += sum(anonymous(int(k)) for k in f.read().split())
    except OSError:
        pass
    return total


def main():
    cut = sys.argv.index("--")
    label, words = sys.argv[1], sys.argv[cut + 1 :]
    for path in sys.argv[2:cut]:
        if path != "--cold":
            forget(path)
    peak, started = 0, time.perf_counter()
    p = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    done = threading.Event()

    def watch():
        nonlocal peak
        while not done.is_set():
            peak = max(peak, anonymous(p.pid))
            time.sleep(0.02)

    w = threading.Thread(target=watch)
    w.start()
    code = p.wait()
    seconds = time.perf_counter() - started
    done.set()
    w.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{label},{seconds:.2f},{used.ru_utime:.2f},{used.ru_stime:.2f},{peak / 1024:.0f},{code}", flush=True)
    sys.exit(code)


main()
