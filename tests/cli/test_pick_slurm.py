"""`pick --shard` as an array job of Slurm, and the dependent job that joins the shares."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import TinySet, unetpick
from slurm import cluster, missing

JOB = """\
#!/bin/bash
#SBATCH --array=1-2 --cpus-per-task=1
{pick} --shard $SLURM_ARRAY_TASK_ID/2
"""


@pytest.mark.slow
def test_an_array_job_and_the_job_after_it(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    if absent := missing():
        pytest.skip(f"Slurm is not installed ({', '.join(absent)})")
    micrographs = sorted(tiny.folder.glob("*.mrc"))
    options = ["pick", *map(str, micrographs), "--model", str(tiny_run), "--out"]
    plain = unetpick(*options, tmp_path / "plain")
    assert plain.returncode == 0, plain.stderr
    command = " ".join([sys.executable, "-m", "napari_unetpick", *options, str(tmp_path / "out")])
    (tmp_path / "job.sh").write_text(JOB.format(pick=command))
    with cluster(tmp_path / "slurm") as environment:

        def run(*words: str) -> str:
            done = subprocess.run(
                words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        array = run("sbatch", "--parsable", "job.sh")
        run("sbatch", f"--dependency=afterany:{array}", "--wrap", f"{command} --resume")
        deadline = time.monotonic() + 300
        while run("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.5)
    said = "\n".join(file.read_text() for file in sorted(tmp_path.glob("slurm-*.out")))
    assert f"{len(micrographs)} of {len(micrographs)} micrographs picked before" in said, said
    for file in (tmp_path / "plain").iterdir():
        here, there = (str(tmp_path / name).encode() for name in ("out", "plain"))
        joined = (tmp_path / "out" / file.name).read_bytes()
        assert joined.replace(here, there) == file.read_bytes(), file.name
    assert not (tmp_path / "out" / ".picking").exists()
