"""A pytest plugin for aria2p's suite: runs the tests that need a daemon, but for those in excluded.txt.

A test needs one when it asks for a running server or for a port to start one on.
"""

from pathlib import Path

EXCLUDED = Path(__file__).with_name("excluded.txt")


def excluded():
    lines = (line.split(maxsplit=1) for line in EXCLUDED.read_text().splitlines())
    return dict(words for words in lines if words and words[0] != "#")


def pytest_collection_modifyitems(config, items):
    reasons = excluded()
    wanted, others = [], []
    for item in items:
        needs_daemon = {"server", "port"} & set(item.fixturenames)
        chosen = needs_daemon and item.nodeid not in reasons
        (wanted if chosen else others).append(item)
    gone = reasons.keys() - {item.nodeid for item in items}
    if gone:
        raise RuntimeError(f"excluded.txt names tests that do not exist: {sorted(gone)}")
    config.hook.pytest_deselected(items=others)
    items[:] = wanted
