"""The set-up: what it says when something is missing, and that nothing is done twice."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROS_MODULES = re.compile(r"(rclpy|cv_bridge|tf2_\w+|ament_index_python|launch\w*|\w+_msgs|\w+_srvs|\w+_interfaces)$")
sys.path.insert(0, str(ROOT / "tools"))

import audit_report  # noqa: E402
import setup_checks  # noqa: E402
import setup_lock  # noqa: E402
import setup_run  # noqa: E402


def only(problem: setup_checks.Problem | None) -> str:
    assert problem is not None
    (line,) = setup_checks.problem_lines([problem])
    return line


# Preflight


def test_platform_without_wheels_is_sent_to_make_robot() -> None:
    assert setup_checks.check_platform("Linux", "x86_64") is None
    assert "Linux on aarch64" in only(setup_checks.check_platform("Linux", "aarch64"))
    assert "make robot" in only(setup_checks.check_platform("Darwin", "x86_64"))


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12), (3, 13)])
def test_supported_python_is_complete(version: tuple[int, int], tmp_path: Path) -> None:
    header = tmp_path / "Python.h"
    header.touch()
    assert setup_checks.check_python(version, has_ensurepip=True, header=header) == []


@pytest.mark.parametrize("version", [(3, 9), (3, 14)])
def test_unsupported_python_is_named(version: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "Python.h").touch()
    (problem,) = setup_checks.check_python(version, has_ensurepip=True, header=tmp_path / "Python.h")
    assert f"python{version[0]}.{version[1]}" in only(problem)
    assert "3.10 to 3.13" in only(problem)


def test_one_command_installs_all_that_python_lacks(tmp_path: Path) -> None:
    problems = setup_checks.check_python((3, 12), has_ensurepip=False, header=tmp_path / "Python.h")
    lines = setup_checks.problem_lines(problems)
    assert len(lines) == 3
    assert lines[-1] == "Run: sudo apt install python3.12-dev python3.12-venv"


def test_missing_compiler_is_one_line_with_its_command() -> None:
    problem = setup_checks.check_compiler({}, which=lambda _: None)
    assert only(problem) == "error: no C++ compiler found. Run: sudo apt install g++"


@pytest.mark.parametrize("present", [{"cc", "c++"}, {"gcc", "g++"}, {"clang", "clang++"}])
def test_usual_compilers_are_found(present: set[str]) -> None:
    assert setup_checks.check_compiler({}, which=lambda name: name if name in present else None) is None


def test_compiler_that_cxx_names_must_exist() -> None:
    def which(name: str) -> str | None:
        return name if name in ("cc", "c++", "ccache") else None

    assert setup_checks.check_compiler({"CXX": "ccache g++-14"}, which=which) is None
    assert "CXX=g++-99" in only(setup_checks.check_compiler({"CXX": "g++-99"}, which=which))


def test_small_disk_names_both_numbers_and_the_smaller_pytorch(tmp_path: Path) -> None:
    line = only(setup_checks.check_disk(tmp_path, needed_gb=10.0, free_gb=4.2, torch_index=""))
    assert "4.2 GB free; needed: 10.0 GB" in line
    assert f"TORCH_INDEX_URL={setup_checks.CPU_INDEX} make demo" in line
    assert "TORCH_INDEX_URL" not in only(setup_checks.check_disk(tmp_path, 4.0, 1.0, setup_checks.CPU_INDEX))
    assert setup_checks.check_disk(tmp_path, needed_gb=4.0, free_gb=4.2, torch_index="") is None


def test_needed_space_shrinks_with_what_is_there() -> None:
    nothing = setup_checks.gb_still_needed("", 0, cache_on_same_disk=False)
    assert nothing == setup_checks.CUDA_GB
    assert setup_checks.gb_still_needed("", 4_000_000_000, cache_on_same_disk=False) == nothing - 4
    assert setup_checks.gb_still_needed("", 400_000_000_000, cache_on_same_disk=False) == 0.5
    assert setup_checks.gb_still_needed("", 0, cache_on_same_disk=True) == nothing + setup_checks.CUDA_DOWNLOAD_GB
    assert setup_checks.gb_still_needed("https://host/whl/cpu/", 0, cache_on_same_disk=False) == setup_checks.CPU_GB


def test_cache_that_does_not_exist_yet_counts_for_its_disk(tmp_path: Path) -> None:
    assert setup_checks.is_on_same_disk(tmp_path / "not" / "yet", tmp_path)
    assert not setup_checks.is_on_same_disk(Path("/proc/self"), tmp_path)


def test_folder_size_counts_files_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_bytes(b"123")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert setup_checks.folder_bytes(tmp_path) == 8
    assert setup_checks.folder_bytes(tmp_path / "none") == 0


def test_this_machine_is_looked_at_for_real(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    problems = setup_checks.find_problems(tmp_path, "", already_bytes=10**15, environment=environment)
    assert all(problem.text for problem in problems)
    more = setup_checks.find_problems(tmp_path, "", 10**15, {**environment, "CXX": "no-such-compiler"})
    assert any("CXX=no-such-compiler" in problem.text for problem in more)


def test_failures_have_remedies() -> None:
    for words, remedy in setup_checks.KNOWN_FAILURES:
        text = setup_run.failure_text("packages", 1, f"much output\nERROR: {words}\n", Path("out/setup.log"))
        assert text.endswith(f"error: {remedy}")
    plain = setup_run.failure_text("packages", 2, "\n".join(map(str, range(100))), Path("out/setup.log"))
    assert plain.splitlines()[0] == "80"
    assert plain.splitlines()[-1] == "error: packages failed with exit status 2; log: out/setup.log"


# The search for a Python


def fake_python(folder: Path, name: str, version: tuple[int, int, int], complete: bool = True) -> None:
    """A program that answers what tools/setup.sh asks, as a Python of that version would."""
    folder.mkdir(exist_ok=True)
    suits = 0 if (3, 10) <= version[:2] <= (3, 13) else 1
    program = folder / name
    program.write_text(
        "#!/bin/sh\n"
        'case "$2" in\n'
        f"*ensurepip*) exit {0 if complete else 1};;\n"
        f"*sys.exit*) exit {suits};;\n"
        f"*print*) echo Python {'.'.join(map(str, version))};;\n"
        f'*) echo "{name} runs $(basename "$1") $2";;\n'
        "esac\n"
    )
    program.chmod(0o755)


def find_python(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tools/setup.sh where only ``folder`` holds programs, and dirname."""
    folder.mkdir(exist_ok=True)
    for tool in ("dirname", "basename"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    return subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "setup.sh"), "--check"],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_own_python3_goes_first(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", (3, 11, 2))
    fake_python(tmp_path / "bin", "python3.13", (3, 13, 0))
    assert find_python(tmp_path / "bin").stdout == "python3 runs setup_run.py --check\n"


def test_too_new_python3_is_passed_over(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", (3, 14, 1))
    fake_python(tmp_path / "bin", "python3.12", (3, 12, 3))
    fake_python(tmp_path / "bin", "python3.10", (3, 10, 3))
    assert find_python(tmp_path / "bin").stdout == "python3.12 runs setup_run.py --check\n"


def test_complete_python_is_preferred(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", (3, 12, 3), complete=False)
    fake_python(tmp_path / "bin", "python3.11", (3, 11, 9))
    assert find_python(tmp_path / "bin").stdout == "python3.11 runs setup_run.py --check\n"


def test_incomplete_python_is_taken_where_there_is_no_other(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", (3, 12, 3), complete=False)
    assert find_python(tmp_path / "bin").stdout == "python3 runs setup_run.py --check\n"


def test_named_python_is_used(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", (3, 11, 2))
    fake_python(tmp_path / "bin", "mine", (3, 13, 0), complete=False)
    assert find_python(tmp_path / "bin", PYTHON="mine").stdout == "mine runs setup_run.py --check\n"


@pytest.mark.parametrize(("version", "says"), [((3, 9, 1), "is Python 3.9.1"), (None, "is not a Python that runs")])
def test_named_python_that_does_not_suit_is_refused(
    version: tuple[int, int, int] | None, says: str, tmp_path: Path
) -> None:
    fake_python(tmp_path / "bin", "python3", (3, 11, 2))
    if version:
        fake_python(tmp_path / "bin", "old", version)
    result = find_python(tmp_path / "bin", PYTHON="old")
    assert result.returncode == 1
    assert f"PYTHON=old {says}; needed: Python 3.10 to 3.13" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_no_python_is_one_line_with_a_command(tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", (3, 14, 0))
    result = find_python(tmp_path / "bin")
    assert result.returncode == 1
    assert "python3 is Python 3.14.0" in result.stderr
    assert "sudo apt install python3" in result.stderr
    assert len(result.stderr.splitlines()) == 1


# The checks of `make robot`


def robot(tmp_path: Path, programs: tuple[str, ...], codename: str, **environment: str) -> str:
    """The line that tools/robot.sh ends with where only ``programs`` exist."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("dirname", "sed", "ls", "bash"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    for name in programs:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    (tmp_path / "os-release").write_text(f"NAME=Ubuntu\nVERSION_CODENAME={codename}\n")
    (tmp_path / "rosdep").mkdir()
    paths = {"OS_RELEASE": str(tmp_path / "os-release"), "ROSDEP_SOURCES": str(tmp_path / "rosdep")}
    result = subprocess.run(
        [str(ROOT / "tools" / "robot.sh")],
        env={"PATH": str(folder), **paths, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("codename", "remedy"),
    [
        ("noble", "Run: source /opt/ros/jazzy/setup.bash"),
        ("resolute", "Run: source /opt/ros/lyrical/setup.bash"),
        ("bookworm", "Without ROS: make demo"),
    ],
)
def test_robot_without_ros_is_told_what_to_source(codename: str, remedy: str, tmp_path: Path) -> None:
    assert robot(tmp_path, (), codename).endswith(remedy)


@pytest.mark.parametrize(
    ("programs", "remedy"),
    [
        ((), "Run: sudo apt install python3"),
        (("python3",), "Run: sudo apt install python3-rosdep && sudo rosdep init"),
        (("python3", "rosdep"), "Run: sudo apt install python3-colcon-common-extensions"),
        (("python3", "rosdep", "colcon"), "Run: sudo rosdep init"),
    ],
)
def test_robot_is_told_what_is_missing(programs: tuple[str, ...], remedy: str, tmp_path: Path) -> None:
    assert robot(tmp_path, programs, "noble", ROS_DISTRO="jazzy").endswith(remedy)


def test_robot_of_another_release_is_refused(tmp_path: Path) -> None:
    assert "ROS_DISTRO=humble; supported: jazzy, lyrical" in robot(tmp_path, (), "jammy", ROS_DISTRO="humble")


# Stages


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that the set-up reads, in a folder of their own."""
    root = tmp_path / "clone"
    shutil.copytree(ROOT / "tools" / "vision_msgs", root / "tools" / "vision_msgs")
    for pattern in ("requirements*.txt", "constraints.txt", "setup.py", "setup.cfg", "package.xml"):
        for path in ROOT.glob(pattern):
            shutil.copy(path, root)
    return root


def complete(clone: Path, **environment: str) -> None:
    """Leave ``clone`` as a finished set-up would, without the work."""
    (clone / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    (clone / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (clone / ".venv" / "pyvenv.cfg").write_text(f"version = {sys.version.split()[0]}\n")
    setup = setup_run.Setup(clone, environment)
    setup.stamps.mkdir()
    (setup.stamps / "torch_index").write_text(setup.torch_index)
    for stage in setup.stages():
        (setup.stamps / stage.name).write_text(stage.inputs)


def due(clone: Path, **environment: str) -> list[str]:
    return [stage.name for stage in setup_run.Setup(clone, environment).due()]


ALL = ["environment", "packages", "messages", "project"]


def test_everything_is_due_in_a_fresh_clone(clone: Path) -> None:
    assert due(clone) == ALL


def test_nothing_is_due_after_a_complete_setup(clone: Path) -> None:
    complete(clone)
    assert due(clone) == []
    setup_run.Setup(clone, {}).run()
    assert not (clone / "out").exists()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("requirements.txt", ALL[1:]),
        ("requirements-dev.txt", ALL[1:]),
        ("constraints.txt", ALL[1:]),
        ("tools/vision_msgs/msg/Point2D.msg", ALL[2:]),
        ("tools/vision_msgs/CMakeLists.txt", ALL[2:]),
        ("setup.py", ALL[3:]),
        ("package.xml", ALL[3:]),
    ],
)
def test_change_redoes_its_stage_and_the_later_ones(clone: Path, changed: str, expected: list[str]) -> None:
    complete(clone)
    with (clone / changed).open("a") as file:
        file.write("\n# changed\n")
    assert due(clone) == expected


@pytest.mark.parametrize("interrupted", ALL)
def test_interrupted_setup_goes_on_where_it_was(clone: Path, interrupted: str) -> None:
    complete(clone)
    for name in ALL[ALL.index(interrupted) :]:
        (clone / ".venv" / "spp_sorter_setup" / name).unlink()
    assert due(clone) == ALL[ALL.index(interrupted) :]


def test_moved_clone_is_set_up_anew(clone: Path) -> None:
    complete(clone)
    moved = clone.rename(clone.with_name("moved"))
    assert due(moved) == ALL


def test_vanished_python_is_noticed(clone: Path) -> None:
    complete(clone)
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert due(clone) == ALL


def test_another_python_redoes_everything_only_when_it_is_asked_for(clone: Path) -> None:
    complete(clone)
    other = "3.10" if sys.version_info[:2] != (3, 10) else "3.11"
    (clone / ".venv" / "pyvenv.cfg").write_text(f"version = {other}.1\n")
    setup = setup_run.Setup(clone, {})
    (setup.stamps / "environment").write_text(setup_run.hash_files([], str(clone), other))
    assert "environment" not in due(clone)
    assert due(clone, PYTHON="python3") == ALL


def test_index_of_pytorch_stays_in_force(clone: Path) -> None:
    complete(clone, TORCH_INDEX_URL="https://host/whl/cpu")
    assert due(clone) == []
    assert due(clone, TORCH_INDEX_URL="https://host/whl/cpu") == []
    assert due(clone, TORCH_INDEX_URL="https://host/whl/cu130") == ALL[1:]


def test_problem_stops_before_anything_is_made(clone: Path) -> None:
    with pytest.raises(setup_run.SetupFailed, match="CXX=no-such-compiler"):
        setup_run.Setup(clone, {"CXX": "no-such-compiler", "PATH": os.environ["PATH"]}).run()
    assert not (clone / ".venv").exists()


def test_linked_into_the_ament_prefix(clone: Path) -> None:
    setup = setup_run.Setup(clone, {})
    for _ in range(2):
        setup._link_into_prefix()
    share = clone / ".venv" / "share"
    assert (share / "spp_sorter" / "package.xml").read_text() == (clone / "package.xml").read_text()
    assert (share / "ament_index/resource_index/packages/spp_sorter").is_symlink()


# Commands and their log


def test_command_goes_to_the_log_and_failure_shows_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = setup_run.Log(tmp_path / "out" / "setup.log", dict(os.environ))
    log.run([sys.executable, "-c", "print('first')"], "one step", cwd=tmp_path)
    assert "one step: " in capsys.readouterr().out
    with pytest.raises(setup_run.SetupFailed) as caught:
        log.run([sys.executable, "-c", "print('boom'); raise SystemExit(3)"], "another step", cwd=tmp_path)
    assert "boom" in str(caught.value)
    assert "first" not in str(caught.value)
    assert "another step failed with exit status 3" in str(caught.value)
    assert "first\n" in log.path.read_text()


def test_password_of_an_index_is_not_logged() -> None:
    hidden = setup_run.without_password("pip install --index-url https://me:secret@host/whl torch")
    assert hidden == "pip install --index-url https://****@host/whl torch"


def test_environment_of_the_commands_holds_nothing_foreign(tmp_path: Path) -> None:
    sourced = {
        "PATH": "/usr/bin",
        "HOME": "/home/me",
        "PYTHONPATH": "/opt/ros/jazzy/lib/python3.12/site-packages",
        "LD_LIBRARY_PATH": "/opt/ros/jazzy/lib",
        "AMENT_PREFIX_PATH": "/opt/ros/jazzy",
    }
    clean = setup_run.foreign_free(sourced, tmp_path)
    assert clean["AMENT_PREFIX_PATH"] == str(tmp_path)
    assert clean["PATH"] == f"{tmp_path}/bin:/usr/bin"
    assert clean["HOME"] == "/home/me"
    assert not any("/opt/ros" in value for value in clean.values())


def test_make_keeps_a_sourced_ros_out() -> None:
    sourced = {
        "PYTHONPATH": "/opt/ros/jazzy/lib/python3.12/site-packages",
        "LD_LIBRARY_PATH": "/opt/ros/jazzy/lib",
        "AMENT_PREFIX_PATH": "/opt/ros/jazzy",
        "CMAKE_PREFIX_PATH": "/opt/ros/jazzy",
        "RMW_IMPLEMENTATION": "rmw_of_jazzy",
        "ROS_DISTRO": "jazzy",
    }
    shown = subprocess.run(
        ["make", "--no-print-directory", "--eval", "show: ; @env", "show", "PYTHON=python3.12"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TORCH_INDEX_URL": "https://host/whl/cpu", **sourced},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "jazzy" not in shown
    assert f"AMENT_PREFIX_PATH={ROOT / '.venv'}\n" in shown
    assert "TORCH_INDEX_URL=https://host/whl/cpu\n" in shown
    assert "PYTHON=python3.12\n" in shown


# Files that have to agree


def pins(name: str) -> dict[str, str]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.]+", line) for line in lines)
    return {canonical(key): value for key, value in (line.split("==") for line in lines)}


def canonical(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_constraints_hold_the_required_releases(name: str) -> None:
    constraints = pins("constraints.txt")
    required = {key: value for key, value in pins(name).items() if key not in ("torch", "torchvision")}
    assert required
    assert {key: constraints.get(key) for key in required} == required


def test_every_imported_package_is_required() -> None:
    from importlib.metadata import packages_distributions

    imported = set()
    for path in (ROOT / "spp_sorter").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
    of_ros = {name for name in imported if ROS_MODULES.match(name)}
    others = imported - of_ros - sys.stdlib_module_names - {"spp_sorter"}
    assert {"numpy", "cv2"} <= others
    homes = packages_distributions()
    required = set(pins("requirements.txt"))
    # Only `export` and detectors of ONNX files need these; the other is timed by an interpreter that the user names.
    assert {"onnx", "onnxruntime", "onnxscript"} <= set(pins("requirements-onnx.txt"))
    others -= {"onnx", "onnxruntime", "onnxscript", "ultralytics"}
    others -= {"triton"}  # comes with PyTorch's CUDA builds, and nothing but kernels for a GPU takes it
    assert [name for name in sorted(others) if not required & {canonical(home) for home in homes.get(name, ())}] == []


def test_lock_leaves_pytorchs_own_libraries_to_pytorch() -> None:
    names = ("torch", "torchvision", "nvidia-cublas", "cuda-bindings", "triton", "numpy", "Types_PyYAML")
    report = {"install": [{"metadata": {"name": name, "version": "1.0"}} for name in names]}
    assert setup_lock.constraint_lines(report) == ["numpy==1.0", "types-pyyaml==1.0"]


def test_versions_agree() -> None:
    import spp_sorter

    assert f'version="{spp_sorter.__version__}"' in (ROOT / "setup.py").read_text()
    assert f"<version>{spp_sorter.__version__}</version>" in (ROOT / "package.xml").read_text()


def test_programs_are_declared_and_linked() -> None:
    text = (ROOT / "setup.py").read_text()
    assert re.findall(r'"(\w+) = spp_sorter\.', text) == list(setup_run.PROGRAMS)


def test_colcon_runs_the_tests_with_pytest() -> None:
    """It looks for pytest among the extras called test, and runs unittest, which finds nothing, without it."""
    assert 'extras_require={"test": ["pytest"' in (ROOT / "setup.py").read_text()


@pytest.mark.parametrize("index", ["", "https://mirror/simple", "https://x/whl/cpu", "https://x/whl/cpu/"])
def test_pytorch_of_the_named_index_is_no_news(index: str) -> None:
    assert setup_checks.torch_from_elsewhere("2.14.1+cpu", index) == ""


def test_pytorch_of_another_index_is_said() -> None:
    line = setup_checks.torch_from_elsewhere("2.14.1", "https://x/whl/cpu")
    assert "2.14.1 is not from https://x/whl/cpu" in line
    assert "pip config list" in line
    assert setup_checks.torch_from_elsewhere("2.14.1+cu130", "https://x/whl/cu128")


# Audit


def test_audit_names_every_vulnerability_and_what_was_not_checked() -> None:
    known = {"name": "torch", "version": "2.5.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.6.0"]}]}
    sound = {"name": "numpy", "version": "2.3.0", "vulns": []}
    lines, code = audit_report.report([known, sound, {"name": "ours", "skip_reason": "not found"}])
    assert code == 1
    assert lines == [
        "audit: torch 2.5.0: CVE-1, mended in 2.6.0",
        "audit: 2 packages looked up, 1 known vulnerabilities",
        "audit: not known to the service, and not checked: ours",
    ]
    assert audit_report.report([sound]) == (["audit: 1 packages looked up, 0 known vulnerabilities"], 0)


def test_audit_does_not_call_unchecked_packages_sound() -> None:
    (line,), code = audit_report.report([{"name": "ours", "skip_reason": "not found"}])
    assert code == 0
    assert "Nothing was checked" in line
