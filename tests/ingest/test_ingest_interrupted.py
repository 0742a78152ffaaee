"""Interruptions: a kill, a full disk or a second ingest lose nothing, and the next run goes on where the last was."""

import fcntl
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_files import png as small_png

from components.ingest import pool
from medhash.archives.decode_cache import DecodeCache

REPOSITORY = Path(__file__).parents[2]
RUN = "import sys; from components.ingest.__main__ import main; sys.exit(main(['--root', sys.argv[1]]))"
KILLED_WHILE_DECODING = """
import os, signal
from components.ingest import pool
pool.ALONE_BYTES = 1000
from medhash.archives.decode_cache import DecodeCache
put, n_put = DecodeCache.put, 0
def put_and_die(self, *arguments):
    global n_put
    put(self, *arguments)
    n_put += 1
    if n_put == 300:
        os.kill(os.getpid(), signal.SIGKILL)
DecodeCache.put = put_and_die
"""
KILLED_WHILE_WRITING = """
import os, signal
from medhash.archives.decode_cache import DecodeCache
pixels, n_read = DecodeCache.pixels, 0
def read_and_die(self, *arguments):
    global n_read
    n_read += 1
    if n_read == 150:
        os.kill(os.getpid(), signal.SIGKILL)
    return pixels(self, *arguments)
DecodeCache.pixels = read_and_die
"""


@pytest.fixture
def many_images(archive):
    """310 images, so that the decode cache has committed once before the last of them."""
    for number in range(304):
        name = f"98766{number:03d}_000.png"
        archive.lines.append(f"{name},Mass,0,98766{number:03d},50,F,PA,2048,2500,0.171,0.171")
        archive.files[f"images/{name}"] = small_png(1000 + number)
    archive.write("images_001.tar")
    return archive


def run(archive, code: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, str(archive.workspace.root)],
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
        **options,
    )


@pytest.mark.parametrize(
    ("fault", "n_kept"), [(KILLED_WHILE_DECODING, 256), (KILLED_WHILE_WRITING, 310)], ids=["decoding", "writing"]
)
def test_after_kill_9_the_next_run_goes_on_and_ends_with_the_bytes_of_an_undisturbed_one(
    fault, n_kept, many_images, capsys
):
    assert many_images.ingest(workers=2) == 0
    undisturbed = many_images.output()
    capsys.readouterr()
    many_images.workspace.decode_cache.unlink()
    # a worker that outlived its parent would hold the pipes open and run into the timeout
    assert run(many_images, fault + RUN).returncode == -signal.SIGKILL
    assert {name: data for name, data in many_images.output().items() if ".tmp/" not in name} == undisturbed
    many_images.workspace.images.unlink()
    assert many_images.ingest() == 0
    assert f"decoded {310 - n_kept}, reused {n_kept}" in capsys.readouterr().out
    assert many_images.output() == undisturbed


@pytest.mark.parametrize("limit", [20_000, 60_000], ids=["output", "cache"])
def test_a_full_disk_is_one_clear_error_and_the_last_output_stays(limit, many_images):
    cache = many_images.workspace.decode_cache
    assert many_images.ingest() == 0
    good = many_images.output()
    if limit == 60_000:
        cache.unlink()
    # a file size limit stands in for the full disk: both fail the write in the middle
    ended = run(many_images, RUN, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert ended.returncode == 1, ended.stderr
    assert "fix: free space" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert many_images.output() == good


def test_a_damaged_decode_cache_is_named_with_the_way_out(archive, capsys):
    archive.write()
    archive.workspace.decode_cache.parent.mkdir(parents=True)
    archive.workspace.decode_cache.write_bytes(b"no database" * 100)
    assert archive.ingest() == 1
    error = capsys.readouterr().err
    assert "decoded.sqlite failed" in error
    assert "delete it" in error
    archive.workspace.decode_cache.unlink()
    assert archive.ingest() == 0


def test_a_second_ingest_at_the_same_time_is_refused(archive, capsys):
    archive.write()
    archive.workspace.state.mkdir()
    with (archive.workspace.state / "ingest.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert archive.ingest() == 1
    assert "another ingest is working in this checkout" in capsys.readouterr().err
    assert archive.ingest() == 0


def test_ctrl_c_ends_the_processes_keeps_what_was_decoded_and_says_how_to_go_on(many_images, capfd):
    put = DecodeCache.put

    def put_and_interrupt(self, *arguments):
        put(self, *arguments)
        if self._uncommitted == 20:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecodeCache, "put", put_and_interrupt)
        patch.setattr(pool, "ALONE_BYTES", 1000)
        assert many_images.ingest(workers=2) == 130
    assert "interrupted: nothing was lost" in capfd.readouterr().err
    assert multiprocessing.active_children() == []
    assert many_images.ingest() == 0
    assert "decoded 290, reused 20" in capfd.readouterr().out
