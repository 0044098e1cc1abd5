"""How a call behaves in its process: signals, threads, forks, memory, time."""

import multiprocessing
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import BUDGET, python

import cull
from cull import _lib
from cull.data import kmq, random, rds_plus

# A call that would take minutes, in a process of its own.
LONG = """
import os, signal, sys, threading
import numpy as np
import cull
x = np.random.default_rng(1).normal(size=(200_000, 48)).astype(np.float32)
first = threading.Event()

def long(progress=None, **kw):
    return cull.data.kmq(x, budget=100_000, clusters=4096, restarts=100, iterations=10_000,
                         progress=progress, **kw)

def later(what):
    def tick(*_):
        if not first.is_set():
            first.set()
            what()
    return tick

def well():
    assert len(cull.data.random(x[:100], budget=7)) == 7
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print("well")
"""


def said(code):
    done = python(LONG + code)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def test_interrupt():
    code = """
for again in range(2):
    first.clear()
    try:
        long(later(lambda: os.kill(os.getpid(), signal.SIGINT)))
    except KeyboardInterrupt:
        print("interrupted")
    well()
"""
    assert said(code) == ["interrupted", "well"] * 2


def test_interrupt_without_progress():
    code = """
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    long()
except KeyboardInterrupt:
    print("interrupted")
well()
"""
    assert said(code) == ["interrupted", "well"]


def test_interrupt_in_the_main_thread_while_another_calls():
    """The call of another thread goes on until it is told; here by a flag that its progress reads."""
    code = """
stop = threading.Event()
ended = []

def work():
    try:
        long(lambda *_: 1 / 0 if stop.is_set() else first.set())
    except ZeroDivisionError:
        ended.append("stopped")
    over.set()

over = threading.Event()
t = threading.Thread(target=work)
t.start()
first.wait()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    over.wait()
except KeyboardInterrupt:
    print("interrupted")
stop.set()
over.wait()
print(*ended)
well()
"""
    assert said(code) == ["interrupted", "stopped", "well"]


def test_handlers_of_the_caller():
    """One that returns lets the call go on; one that raises ends it, whatever the signal."""
    code = """
seen = []
signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
small = x[:20_000]
cull.data.kmq(small, budget=100, clusters=64,
              progress=later(lambda: os.kill(os.getpid(), signal.SIGINT)))
print(seen == [signal.SIGINT])
signal.signal(signal.SIGINT, signal.default_int_handler)

class Late(Exception):
    pass

def ring(number, frame):
    raise Late

signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    long()
except Late:
    print("late")
well()
"""
    assert said(code) == ["True", "late", "well"]


def test_progress(problem):
    seen = []
    kmq(problem.pool, budget=20, progress=lambda *a: seen.append(a))
    assert seen and all(isinstance(what, str) and what for what, _, _ in seen)
    assert all(0 <= done <= total for _, done, total in seen)
    with pytest.raises(ZeroDivisionError):
        kmq(problem.pool, budget=20, progress=lambda *_: 1 / 0)
    nested = []
    kmq(problem.pool, budget=20, progress=lambda *_: nested.append(random(problem.pool, budget=3)))
    assert {len(p) for p in nested} == {3}


def test_bar(problem, capsys):
    pytest.importorskip("tqdm")
    kmq(problem.pool, budget=20, progress=True)
    assert "100%" in capsys.readouterr().err


def test_other_threads_go_on():
    """While C works the lock of the interpreter is free: another thread counts. It is not to be let in
    by the switches that Python makes at each tick, so these are put off."""
    x = np.random.default_rng(2).normal(size=(40_000, 48)).astype(np.float32)
    counted, done = [], threading.Event()

    def count():
        while not done.is_set():
            counted.append(None)
            time.sleep(0.001)

    other = threading.Thread(target=count)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        other.start()
        before = len(counted)
        kmq(x, budget=1000, clusters=256)
        after = len(counted)
    finally:
        sys.setswitchinterval(interval)
        done.set()
        other.join()
    assert after - before >= 20


def test_two_threads_at_once(problem):
    """Both calls are in their first tick together, or the barrier breaks."""
    p = problem
    want = [rds_plus(p.pool, p.target, BUDGET), kmq(p.pool, budget=BUDGET, seed=3)]
    together, got = threading.Barrier(2, timeout=60), [None, None]

    def wait_once():
        waited = []
        return lambda *_: waited or (waited.append(1), together.wait())

    def work(i):
        for _ in range(20):
            hook = wait_once()
            if i:
                got[i] = kmq(p.pool, budget=BUDGET, seed=3, progress=hook)
            else:
                got[i] = rds_plus(p.pool, p.target, BUDGET, progress=hook)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for a, b in zip(want, got):
        assert a.idx.tolist() == b.idx.tolist() and a.score.tolist() == b.score.tolist()


def test_contexts_are_used_again(problem):
    for i in range(40):
        random(problem.pool, budget=3, memory=10_000_000 + i)
    assert len(_lib._contexts) <= _lib._KEPT + 1


def in_child(args):
    pool, pick = args
    again = rds_plus(pool, pool[:9], BUDGET, threads=2)
    return again.idx.tolist(), len(pick.report()["pick"]), repr(again)


def test_fork(tmp_path):
    """A forked child has none of the workers of the contexts that it inherits; it would wait for them."""
    x = np.random.default_rng(3).normal(size=(40_000, 16)).astype(np.float32)
    pick = rds_plus(x, x[:9], BUDGET, threads=2)
    forked = multiprocessing.get_context("fork")
    with forked.Pool(2) as pool:
        found = pool.map_async(in_child, [(x, pick)] * 4).get(timeout=60)
    assert found == [(pick.idx.tolist(), BUDGET, repr(pick))] * 4
    ended = forked.Process(target=lambda: pick.save(tmp_path / "p.json"))
    ended.start()
    ended.join(60)
    assert ended.exitcode == 0 and list(cull.Pick.load(tmp_path / "p.json")) == list(pick)


def test_memory_stays_flat():
    """10,000 calls of several kinds, some of which fail; the last 8,000 add less than 256 bytes each."""
    done = python("""
import gc, os
import numpy as np
import cull
x = np.random.default_rng(1).normal(size=(200, 8)).astype(np.float32)
texts = ["a text"] * 20

def held():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

for i in range(10_000):
    if i == 2_000:
        before = held()
    if i % 4 == 0:
        cull.data.rds_plus(x, x[:3], 9, rule="mean")
    elif i % 4 == 1:
        cull.data.random(texts, budget=3, group=texts, quota="equal", cost=[1.5] * 20)
    elif i % 4 == 2:
        cull.data.random(x, budget=0.1).report()
    else:
        try:
            cull.data.rds_plus(x, x[:3, :2], 9)
            raise SystemExit("no failure")
        except cull.InputError:
            pass
print(held() - before)
""")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 8_000 * 256


def test_overhead_is_told(problem, compiled, capsys):
    """What a call costs beside the same work in C; told, not asserted."""
    p = problem
    program = compiled(Path(__file__).with_name("direct.c"))
    words = [p.pool_file, p.target_file, p.records_file, p.want_file, p.scores_file]
    done = subprocess.run(
        [program, "random", str(BUDGET), *words, "2000"], capture_output=True, text=True, check=True
    )
    for _ in range(2):  # the first warms up
        began = time.process_time()
        for _ in range(2000):
            random(p.pool, budget=BUDGET, threads=1)
        took = 1e6 * (time.process_time() - began) / 2000
    with capsys.disabled():
        print(f"\na call: {took:.0f} us, of which in C {float(done.stdout):.0f} us")


@pytest.mark.slow
def test_four_gigabytes_without_a_copy(tmp_path):
    """A mapped array is used where it lies: private memory stays far below its size."""
    done = python(
        """
import sys, threading, time
import numpy as np
import cull
x = np.lib.format.open_memmap(sys.argv[1], "w+", np.float16, (1 << 25, 64))  # 4 GiB, mostly a hole
x[:: 1 << 20, 3] = 1
x[5 << 20, 4] = 2
t = np.zeros((1, 64), np.float16)
t[0, 4] = 1
x = np.load(sys.argv[1], mmap_mode="r")

def private():
    lines = open("/proc/self/status").read().split("\\n")
    return next(int(v.split()[1]) << 10 for v in lines if v.startswith("RssAnon"))

peak, end = [private()], threading.Event()
def watch():
    while not end.wait(0.01):
        peak.append(private())
watcher = threading.Thread(target=watch)
watcher.start()
began = time.time()
pick = cull.data.rds_plus(x, t, 10)
end.set()
watcher.join()
assert pick.idx[0] == 5 << 20
print(max(peak) - peak[0], time.time() - began)
""",
        tmp_path / "big.npy",
    )
    assert done.returncode == 0, done.stderr
    grown, seconds = map(float, done.stdout.split())
    print(f"4 GiB in {seconds:.0f} s, {grown / 2**20:.0f} MiB of private memory more")
    assert grown < 2**30
