"""Training as the shell runs it: killed and resumed, and in a team of two processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import Pictures

from spp_sorter.learning.distributed import Team
from spp_sorter.learning.trainer import Trainer
from spp_sorter.learning.training_options import TrainingOptions
from spp_sorter.network.checkpoint import load_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork

SCRIPT = """
import sys
from pathlib import Path

import torch

from spp_sorter.learning.distributed import join_team
from spp_sorter.learning.trainer import Trainer
from spp_sorter.learning.training_options import TrainingOptions
from spp_sorter.network.model import NetworkConfig, SppNetwork
from test_training import Pictures


def main():
    torch.set_num_threads(1)
    out, steps, resume, batch = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "resume", int(sys.argv[4])
    with join_team(torch.device("cpu")) as team:
        torch.manual_seed(team.rank)
        network = SppNetwork(NetworkConfig(channels=16, hidden=32), imagenet=False)
        network.load_state_dict(torch.load(sys.argv[5], weights_only=True))
        options = TrainingOptions(steps=steps, batch_size=batch, sizes_hw=((64, 96),), save_every=1)
        trainer = Trainer(network, Pictures(), options, out, team)
        if resume:
            trainer.resume()
        trainer.run(num_workers=int(sys.argv[6]))
        torch.save({k: v for k, v in network.state_dict().items()}, out / f"rank{team.rank}.pt")


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def script(tmp_path):
    torch.manual_seed(0)
    start = tmp_path / "start.pt"
    torch.save(SppNetwork(NetworkConfig(channels=16, hidden=32), imagenet=False).state_dict(), start)
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)

    def command(out, steps, resume="fresh", workers=0):
        return [str(path), str(tmp_path / out), str(steps), resume, "2", str(start), str(workers)]

    return command


def train_here(folder, steps):
    """The same training in this process, without a stop."""
    network = SppNetwork(NetworkConfig(channels=16, hidden=32), imagenet=False)
    network.load_state_dict(torch.load(folder / "start.pt", weights_only=True))
    options = TrainingOptions(steps=steps, batch_size=2, sizes_hw=((64, 96),), save_every=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        Trainer(network, Pictures(), options, folder / "straight", Team(0, 1, torch.device("cpu"))).run(num_workers=0)
    finally:
        torch.set_num_threads(threads)


def environment():
    here = Path(__file__).parent
    return {**os.environ, "PYTHONPATH": f"{here}:{here.parent}", "OMP_NUM_THREADS": "1"}


def losses(folder):
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {row["step"]: row["total"] for row in rows}


def test_a_run_that_is_killed_goes_on_and_ends_where_a_straight_one_does(script, tmp_path):
    steps = 10
    train_here(tmp_path, steps)
    run = subprocess.Popen(
        [sys.executable, *script("killed", steps, workers=1)], env=environment(), start_new_session=True
    )
    log = tmp_path / "killed" / "log.jsonl"
    limit = time.monotonic() + 60
    while not (log.is_file() and len(log.read_text().splitlines()) >= 3):
        assert run.poll() is None and time.monotonic() < limit
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    stopped_at = torch.load(tmp_path / "killed" / "state.pt", weights_only=True)["step"]
    assert 2 <= stopped_at < steps
    load_checkpoint(tmp_path / "killed" / "model.pt").build()
    subprocess.run([sys.executable, *script("killed", steps, "resume")], env=environment(), check=True, timeout=120)
    ends = [load_checkpoint(tmp_path / name / "model.pt") for name in ("straight", "killed")]
    assert ends[0].step == ends[1].step == steps
    for key, value in ends[0].weights.items():
        assert torch.equal(value, ends[1].weights[key]), key
    straight, killed = losses(tmp_path / "straight"), losses(tmp_path / "killed")
    assert straight == killed
    assert_workers_gone(run.pid)


def assert_workers_gone(session):
    """The workers of a killed run notice it and end by themselves."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        alive = [p for p in Path("/proc").glob("[0-9]*/stat") if session_of(p) == session]
        if not alive:
            return
        time.sleep(0.2)
    raise AssertionError(f"{len(alive)} processes outlived their killed parent")


def session_of(stat):
    try:
        return int(stat.read_text().rpartition(")")[2].split()[3])
    except OSError:
        return -1


def test_two_processes_train_one_network(script, tmp_path):
    """Equal weights in both, learned from the pictures of both; only one of them writes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, *script("team", 4)], env=environment(), check=True, timeout=180)
    ranks = [torch.load(tmp_path / "team" / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    for key, value in ranks[0].items():
        assert torch.equal(value, ranks[1][key]), key
    start = torch.load(tmp_path / "start.pt", weights_only=True)
    assert any(not torch.equal(value, start[key]) for key, value in ranks[0].items())
    assert load_checkpoint(tmp_path / "team" / "model.pt").step == 4
    assert np.isfinite(list(losses(tmp_path / "team").values())).all()
    assert len((tmp_path / "team" / "log.jsonl").read_text().splitlines()) == 4
