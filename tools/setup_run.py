"""Makes the environment that `make demo` and `make test` run in, stage by stage.

Each stage leaves a stamp with the hash of what it was made from, written when the stage is complete. A stage is done
again only when its hash changed, so an interrupted set-up goes on where it was, and a complete one costs nothing.
Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import setup_checks

ROOT = Path(__file__).resolve().parents[1]
FOREIGN_VARIABLES = (  # of a sourced ROS, another environment, or pip options that send packages elsewhere
    *("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH", "ROS_DISTRO"),
    *("VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"),
)
PROGRAMS = ("spp_sorter", "sorter_node", "belt_camera_node", "arm_node", "bag_player_node")
IMPORTS = "torch torchvision timm cv2 scipy rclpy sensor_msgs.msg vision_msgs.msg rosbags.highlevel spp_sorter"


class SetupFailed(Exception):
    """The set-up cannot go on; the text is for the user."""


def hash_files(files: Iterable[Path], *more: str) -> str:
    """Hash of the names and contents of files, and of further text."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    for text in more:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def foreign_free(environment: dict[str, str], venv: Path) -> dict[str, str]:
    """The environment of the set-up's commands: nothing of another ROS or Python in it."""
    clean = {name: value for name, value in environment.items() if name not in FOREIGN_VARIABLES}
    clean["AMENT_PREFIX_PATH"] = str(venv)
    clean["TMPDIR"] = str(venv / "tmp")  # a small /tmp does not hold PyTorch
    clean["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    clean["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    return clean


class Log:
    """Runs commands with their output in a file, and shows on the terminal how far they are."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path = path
        self.environment = environment
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def run(self, command: list[str], label: str, cwd: Path = ROOT) -> None:
        """Run ``command``; raises SetupFailed with the end of its output."""
        begin = self.path.stat().st_size
        started = time.monotonic()
        with self.path.open("a") as output:
            output.write(f"$ {without_password(' '.join(command))}\n")
            output.flush()
            process = subprocess.Popen(command, cwd=cwd, env=self.environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            self._watch(process, label, started)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        if process.returncode != 0:
            text = self.path.read_bytes()[begin:].decode(errors="replace")
            raise SetupFailed(failure_text(label, process.returncode, text, self.path))

    def _watch(self, process: subprocess.Popen[bytes], label: str, started: float) -> None:
        terminal = sys.stdout.isatty()
        reported = started
        while True:
            try:
                process.wait(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if terminal or now - reported > 60:
                    reported = now
                    end = "\r" if terminal else "\n"
                    print(f"  {label} ... {now - started:.0f} s", end=end, flush=True)
        print(f"  {label}: {time.monotonic() - started:.0f} s          ", flush=True)


def without_password(text: str) -> str:
    """``text`` with the user and password of every address in it hidden."""
    return re.sub(r"//[^/@\s]+@", "//****@", text)


def failure_text(label: str, code: int, output: str, log: Path, num_lines: int = 20) -> str:
    """What the user reads when a command failed: the end of its output, the log, and what helps."""
    lines = [*output.rstrip().splitlines()[-num_lines:], f"error: {label} failed with exit status {code}; log: {log}"]
    remedy = setup_checks.remedy_for(output)
    if remedy:
        lines.append(f"error: {remedy}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Stage:
    """One step of the set-up.

    Attributes:
        name: of the stamp.
        inputs: hash of what the stage is made from, the stages before it included.
        make: does the work.
    """

    name: str
    inputs: str
    make: Callable[[], None]


class Setup:
    """The set-up of one environment.

    Args:
        root: the clone.
        environment: variables of the caller; TORCH_INDEX_URL takes PyTorch from another index.
    """

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.stamps = self.venv / "spp_sorter_setup"
        self.python = str(self.venv / "bin" / "python")
        self.environment = environment
        # The index of an earlier call stays in force: later calls need not name it again.
        self.torch_index = environment.get("TORCH_INDEX_URL", "") or self._stamp("torch_index")

    def stages(self) -> list[Stage]:
        """All stages, in order; a stage that is made anew makes all later ones due."""
        environment = self._environment_inputs()
        requirements = [self.root / name for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt")]
        packages = hash_files(requirements, environment, self.torch_index)
        messages_files = (path for path in (self.root / "tools" / "vision_msgs").rglob("*") if path.is_file())
        messages = hash_files(messages_files, packages)
        project = hash_files([self.root / name for name in ("setup.py", "setup.cfg", "package.xml")], messages)
        return [
            Stage("environment", environment, self.make_environment),
            Stage("packages", packages, self.install_packages),
            Stage("messages", messages, self.build_messages),
            Stage("project", project, self.install_project),
        ]

    def due(self) -> list[Stage]:
        """The stages that have to be made."""
        stages = self.stages()
        if not Path(self.python).exists():
            return stages
        for index, stage in enumerate(stages):
            if self._stamp(stage.name) != stage.inputs:
                return stages[index:]
        return []

    def problems(self) -> list[setup_checks.Problem]:
        """What this machine lacks for what is still to be made."""
        installed = setup_checks.folder_bytes(self.venv)
        return setup_checks.find_problems(self.root, self.torch_index, installed, self.environment)

    def run(self) -> None:
        """Make what is due; raises SetupFailed."""
        due = self.due()
        if not due:
            return
        problems = self.problems()
        if problems:
            raise SetupFailed("\n".join(setup_checks.problem_lines(problems)))
        self.log = Log(self.root / "out" / "setup.log", foreign_free(self.environment, self.venv))
        version = sys.version.split()[0] if due[0].name == "environment" else self._venv_version()
        print(f"Setting up .venv with Python {version} (log: {self.log.path.relative_to(self.root)})")
        for stage in due:
            (self.stamps / stage.name).unlink(missing_ok=True)
            stage.make()
            self.stamps.mkdir(exist_ok=True)
            (self.stamps / stage.name).write_text(stage.inputs)
        shutil.rmtree(self.venv / "tmp", ignore_errors=True)

    def make_environment(self) -> None:
        """An empty virtual environment; a half-made one or one of another Python is replaced."""
        shutil.rmtree(self.venv, ignore_errors=True)
        self.log.run([sys.executable, "-m", "venv", str(self.venv)], "virtual environment")
        (self.venv / "COLCON_IGNORE").touch()

    def install_packages(self) -> None:
        """All that the requirements name; PyTorch from its own index where one is given."""
        if not self.torch_index and shutil.which("nvidia-smi") is None:
            print(f"  No NVIDIA GPU seen; a 20x smaller PyTorch: TORCH_INDEX_URL={setup_checks.CPU_INDEX} make demo")
        (self.venv / "tmp").mkdir(exist_ok=True)
        pip = [self.python, "-m", "pip", "install", "--prefer-binary", "--progress-bar", "off"]
        if self.torch_index:
            pins = [line for line in self._requirements() if line.startswith(("torch==", "torchvision=="))]
            another = self._stamp("torch_index") != self.torch_index
            again = ["--force-reinstall"] if another else []
            self.log.run([*pip, "--no-deps", *again, "--index-url", self.torch_index, *pins], "PyTorch from its index")
            self._check_torch()
        files = ["-r", "requirements.txt", "-r", "requirements-dev.txt", "-c", "constraints.txt"]
        self.log.run([*pip, *files], "packages (some minutes)", cwd=self.root)
        self.stamps.mkdir(exist_ok=True)
        (self.stamps / "torch_index").write_text(self.torch_index)

    def _check_torch(self) -> None:
        """Say so when pip took PyTorch from another index, of its own configuration, than the one that was named."""
        (found,) = (self.venv / "lib").glob("python*/site-packages/torch-*.dist-info")
        line = setup_checks.torch_from_elsewhere(found.name.split("-")[1], self.torch_index)
        if line:
            print(f"  {line}")

    def build_messages(self) -> None:
        """The message package vision_msgs, built from its field lists into the environment."""
        build = self.venv / "tmp" / "vision_msgs"
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True)
        cmake = str(self.venv / "bin" / "cmake")
        prefixes = [f"-DCMAKE_PREFIX_PATH={self.venv}", f"-DCMAKE_INSTALL_PREFIX={self.venv}"]
        options = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={self.python}"]
        source = str(self.root / "tools" / "vision_msgs")
        self.log.run([cmake, "-S", source, "-B", str(build), *prefixes, *options], "messages, configured")
        self.log.run([cmake, "--build", str(build), "--parallel", str(os.cpu_count() or 1)], "messages, built")
        self.log.run([cmake, "--install", str(build)], "messages, installed")

    def install_project(self) -> None:
        """The project itself, from the work tree: edits count at once. Then one look at whether all of it imports."""
        pip = [self.python, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."]
        (self.venv / "tmp").mkdir(exist_ok=True)
        self.log.run(pip, "spp_sorter", cwd=self.root)
        self._link_into_prefix()
        check = f"import importlib\nfor name in '{IMPORTS}'.split(): importlib.import_module(name)"
        self.log.run([self.python, "-c", check], "imports checked")

    def _link_into_prefix(self) -> None:
        """Make the environment an ament prefix of this package, as an installed one would be."""
        links = {
            self.venv / "share/ament_index/resource_index/packages/spp_sorter": self.root / "resource/spp_sorter",
            **{self.venv / "share/spp_sorter" / name: self.root / name for name in ("package.xml", "launch", "config")},
            **{self.venv / "lib/spp_sorter" / name: self.venv / "bin" / name for name in PROGRAMS},
        }
        for link, target in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(target)

    def _environment_inputs(self) -> str:
        """Hash of where the environment lies and of its Python: the one it has, unless the caller names another."""
        present = hash_files([], str(self.root), self._venv_version())
        if not self.environment.get("PYTHON") and self._stamp("environment") == present:
            return present
        return hash_files([], str(self.root), f"{sys.version_info[0]}.{sys.version_info[1]}")

    def _stamp(self, name: str) -> str:
        path = self.stamps / name
        return path.read_text() if path.is_file() else ""

    def _venv_version(self) -> str:
        """The version of the environment's Python, such as ``3.11``; empty where there is none."""
        path = self.venv / "pyvenv.cfg"
        match = re.search(r"^version\s*=\s*(\d+\.\d+)", path.read_text(), re.MULTILINE) if path.is_file() else None
        return match.group(1) if match else ""

    def _requirements(self) -> list[str]:
        return (self.root / "requirements.txt").read_text().splitlines()


def main() -> int:
    """Set the clone up; the exit status is 0 when the environment is ready."""
    setup = Setup(ROOT, dict(os.environ))
    if sys.argv[1:] == ["--check"]:
        problems = setup.problems()
        print("\n".join(setup_checks.problem_lines(problems)) or "nothing is missing")
        return 1 if problems else 0
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two calls at once: the second waits and finds the work done
        setup.run()
    except SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the next call goes on from here", file=sys.stderr)
        return 130
    finally:
        os.close(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
