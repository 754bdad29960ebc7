"""Package of spp_sorter for pip and for colcon (ament_python)."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "spp_sorter"


def shared_files(folder: str) -> tuple[str, list[str]]:
    """Where the files of ``folder`` are installed, and the files: an entry of ``data_files``."""
    return f"share/{NAME}/{folder}", sorted(str(path) for path in Path(folder).glob("*") if path.is_file())


setup(
    name=NAME,
    version="0.1.0",
    description="Spatial pyramid pooling that sorts contaminants out of compost on a conveyor belt, as ROS 2 nodes",
    maintainer="spp_sorter maintainers",
    maintainer_email="maintainers@users.noreply.github.com",
    license="Apache-2.0",
    python_requires=">=3.10",
    install_requires=["setuptools"],
    extras_require={"test": ["pytest", "hypothesis"]},  # by which colcon knows what runs the tests
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed", "assets/**/*"]},
    zip_safe=False,
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        shared_files("launch"),
        shared_files("config"),
    ],
    entry_points={
        "console_scripts": [
            "spp_sorter = spp_sorter.cli:main",
            "sorter_node = spp_sorter.ros.sorter_node:main",
            "belt_camera_node = spp_sorter.ros.belt_camera_node:main",
            "arm_node = spp_sorter.ros.arm_node:main",
            "bag_player_node = spp_sorter.ros.bag_player_node:main",
        ]
    },
)
