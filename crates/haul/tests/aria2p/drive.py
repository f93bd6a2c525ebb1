"""Drives a daemon with aria2p, the way its users do; any exception is a failure.

Arguments: the daemon's port and its download directory, the port of a daemon with a token and that
token, the URL of a file of 8 MiB and that of a small one.
"""

import sys
import threading
import time
from pathlib import Path

import aria2p

PORT, FILES, GUARDED, TOKEN, BIG, SMALL = sys.argv[1:]


def until(what, look):
    end = time.monotonic() + 60
    while not look():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.05)


def check_token():
    client = aria2p.Client(port=int(GUARDED), secret=TOKEN)
    assert client.get_version()["version"].startswith("1.")
    client.secret = "a guess"
    try:
        client.get_version()
    except aria2p.ClientException as error:
        assert error.message == "Unauthorized", error
    else:
        raise AssertionError("a wrong token was accepted")


def main():
    check_token()
    api = aria2p.API(aria2p.Client(port=int(PORT)))
    told = []
    heard = threading.Lock()

    def note(event):
        def callback(_, gid):
            with heard:
                told.append((event, gid))

        return callback

    api.listen_to_notifications(
        threaded=True,
        on_download_start=note("start"),
        on_download_pause=note("pause"),
        on_download_complete=note("complete"),
    )
    def is_heard():
        # Its listener tells nobody when it has connected: a download that is told of does.
        download = api.add_uris([SMALL])
        until("a small file", lambda: download.live.is_complete)
        assert api.remove([download], files=True) == [True]
        return bool(told)

    until("a notification", is_heard)

    big = api.add_uris([BIG], options={"out": "renamed.bin", "max-download-limit": "512K"})
    until("bytes", lambda: big.live.completed_length > 0)
    assert big.is_active and big.total_length == 8 << 20, big.status
    assert big.options.max_download_limit == 512 << 10
    assert big.pause()
    until("the pause", lambda: big.live.is_paused)
    small = api.add_uris([SMALL, SMALL + "?mirror"], options={"pause": "true", "out": "moved.bin"})
    assert api.move_to_top(small) == 0
    waiting = api.client.tell_waiting(0, 10, keys=["gid"])
    assert waiting == [{"gid": small.gid}, {"gid": big.gid}], waiting

    big.options.max_download_limit = 0
    assert api.resume_all()
    until("both ends", lambda: big.live.is_complete and small.live.is_complete)
    assert big.files[0].path == Path(FILES) / "renamed.bin", big.files
    assert big.progress == 100.0
    until("all notifications", lambda: ("complete", big.gid) in told)
    events = [event for event, gid in told if gid == big.gid]
    assert events == ["start", "pause", "start", "complete"], events

    assert api.remove([small], files=True) == [True]
    assert not (Path(FILES) / "moved.bin").exists()
    assert (Path(FILES) / "renamed.bin").exists()

    options = api.get_global_options()
    options.max_concurrent_downloads = 3
    assert api.get_global_options().max_concurrent_downloads == 3
    assert api.get_stats().num_active == 0
    assert api.autopurge()
    assert api.get_downloads() == []
    try:
        api.add_magnet("magnet:?xt=urn:btih:" + "0" * 40)
    except aria2p.ClientException as error:
        assert "http" in error.message, error
    else:
        raise AssertionError("a magnet was accepted")
    api.stop_listening()


main()
