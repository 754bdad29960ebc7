#!/usr/bin/env python3
"""Compare the simulated belt's placement with a Blender render of the same scene.

Run by the project's Python; ``--blender`` names a Python that has ``bpy`` (pip install bpy==5.0.1 in an environment of
its own). That one runs this same file to build the solids as meshes, to take their height maps from straight above
and to render an id mask with Blender's own camera. The project's Python makes sprites of the height maps, puts them at
the same metre poses, and prints by how many pixels the boxes and centroids differ. Exit code 1 over ``--limit``.

    .venv/bin/python tools/check_world_against_blender.py --blender ~/bpy/bin/python
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZE_HW = (480, 640)
FOCAL_PX = 640.0
METRES_PER_PX = 0.00075
SCENES = {
    "straight down": {"height_m": 1.0},
    "tilted": {"height_m": 1.1, "tilt_x_rad": 0.1, "tilt_y_rad": -0.08, "turn_rad": 0.3},
}
# kind, x, y, yaw: on the belt, from the middle to the corners
ITEMS = (
    ("box", 0.0, 0.0, 0.4),
    ("sphere", 0.36, 0.23, 0.0),
    ("cylinder", -0.3, 0.2, 0.9),
    ("cone", 0.36, -0.22, 0.0),
    ("box", -0.34, -0.22, 1.2),
    ("cylinder", 0.16, -0.16, 0.2),
    ("sphere", -0.12, -0.05, 0.0),
    ("cone", -0.02, 0.24, 0.0),
    ("carton", 0.2, 0.1, 2.2),
    ("can", -0.15, -0.24, 0.0),
)


def build_mesh(bpy, kind: str):
    """The solid with its lowest point on z = 0, its middle over the origin; metres."""
    add = bpy.ops.mesh
    if kind in ("box", "carton"):
        size = (0.09, 0.054, 0.04) if kind == "box" else (0.12, 0.07, 0.08)
        add.primitive_cube_add(size=1.0, location=(0, 0, size[2] / 2))
        bpy.context.object.scale = size
    elif kind == "sphere":
        add.primitive_uv_sphere_add(radius=0.035, segments=128, ring_count=64, location=(0, 0, 0.035))
    elif kind == "cylinder":
        add.primitive_cylinder_add(radius=0.03, depth=0.12, vertices=128, location=(0, 0, 0.03))
        bpy.context.object.rotation_euler = (0, math.pi / 2, 0)
    elif kind == "can":
        add.primitive_cylinder_add(radius=0.033, depth=0.07, vertices=128, location=(0, 0, 0.035))
    else:
        add.primitive_cone_add(radius1=0.04, depth=0.05, vertices=128, location=(0, 0, 0.025))
    bpy.ops.object.transform_apply(location=True, rotation=True, scale=True)
    return bpy.context.object


def render_in_blender(folder: Path) -> None:
    """The part that runs where ``bpy`` is: height maps and id masks into ``folder``."""
    import bpy
    from mathutils import Matrix, Vector

    bpy.ops.wm.read_factory_settings(use_empty=True)
    for kind in sorted({item[0] for item in ITEMS}):
        mesh = build_mesh(bpy, kind)
        half = 0.07
        count = 2 * math.ceil(half / METRES_PER_PX)
        at = (np.arange(count) - (count - 1) / 2) * METRES_PER_PX
        height = np.zeros((count, count), np.float32)
        for row, y in enumerate(-at):
            for column, x in enumerate(at):
                hit, where, _, _ = mesh.ray_cast(Vector((x, y, 1.0)), Vector((0, 0, -1)))
                height[row, column] = where.z if hit else 0.0
        np.save(folder / f"{kind}.npy", height)
        bpy.data.objects.remove(mesh)

    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.filter_size = 0.01
    scene.cycles.filter_width = 0.01
    scene.render.dither_intensity = 0.0
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.resolution_y, scene.render.resolution_x = SIZE_HW
    scene.world = bpy.data.worlds.new("black")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (0, 0, 0, 1)
    for number, (kind, x, y, yaw) in enumerate(ITEMS, 1):
        mesh = build_mesh(bpy, kind)
        mesh.location, mesh.rotation_euler = (x, y, 0.0), (0, 0, yaw)
        material = bpy.data.materials.new(f"id{number}")
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        nodes.clear()
        emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
        emission.inputs[0].default_value = (number / 16, number / 16, number / 16, 1)
        links.new(emission.outputs[0], output.inputs[0])
        mesh.data.materials.clear()
        mesh.data.materials.append(material)
    lens = bpy.data.cameras.new("camera")
    lens.sensor_width, lens.sensor_fit = 36.0, "HORIZONTAL"
    lens.lens = FOCAL_PX * 36.0 / SIZE_HW[1]
    camera = bpy.data.objects.new("camera", lens)
    scene.collection.objects.link(camera)
    scene.camera = camera
    for number, pose in enumerate(json.loads((folder / "poses.json").read_text())):
        world = np.eye(4)
        # Blender's camera looks along -z with y up
        world[:3, :3], world[:3, 3] = np.array(pose["rotation"]) @ np.diag([1, -1, -1]), pose["translation"]
        camera.matrix_world = Matrix(world.tolist())
        scene.render.filepath = str(folder / f"mask{number}.png")
        bpy.ops.render.render(write_still=True)


def render_in_world(folder: Path, pose) -> tuple[np.ndarray, list]:
    """The id mask of the simulated belt, and its truth."""
    from spp_sorter.simulation.belt_world import BeltWorld
    from spp_sorter.simulation.item_shapes import ItemShape
    from spp_sorter.simulation.placed_item import PlacedItem
    from spp_sorter.simulation.placement import GivenPlacement
    from spp_sorter.simulation.scene_config import WorldConfig
    from spp_sorter.simulation.shape_library import ShapeLibrary
    from spp_sorter.simulation.sprites import Attribution, SpriteObject, SpriteView
    from spp_sorter.values import CameraIntrinsics

    height, width = SIZE_HW
    k = np.array([[FOCAL_PX, 0, (width - 1) / 2], [0, FOCAL_PX, (height - 1) / 2], [0, 0, 1.0]])
    config = WorldConfig(intrinsics=CameraIntrinsics(SIZE_HW, k, np.zeros(5)), camera_in_belt=pose)
    views = {}
    for kind in sorted({item[0] for item in ITEMS}):
        height_m = np.load(folder / f"{kind}.npy")
        solid = height_m > 0
        rgba = np.where(solid[..., None], np.array([90, 140, 200, 255]), 0).astype(np.uint8)
        height_mm = np.where(solid, np.maximum(np.round(height_m * 1000.0), 1), 0).astype(np.uint8)
        views[kind] = SpriteView(rgba, height_mm, METRES_PER_PX, "lying")
    items = tuple(
        PlacedItem(number, kind, "non_compost", ItemShape(views[kind]), x, y, yaw, 1.0, 0.0, np.eye(3))
        for number, (kind, x, y, yaw) in enumerate(ITEMS, 1)
    )
    origin = Attribution("solid", "this project", "CC0-1.0", "")
    library = ShapeLibrary((SpriteObject("box", "non_compost", "box", "train", (views["box"],), origin),))
    truth = BeltWorld(config, library, GivenPlacement(config, library, items)).render(0).truth
    return truth.masks_id, list(truth.items)


def measure(mask: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom, and centroid x, y of a mask, pixels."""
    rows, columns = np.nonzero(mask)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return np.array([*box, columns.mean(), rows.mean()], np.float64)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", help="a Python that has bpy")
    parser.add_argument("--limit", type=float, default=1.0, help="greatest difference that passes, pixels")
    parser.add_argument("--render-into", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.render_into:
        render_in_blender(args.render_into)
        return 0
    if not args.blender:
        parser.error("--blender is missing: give the path of a Python with bpy (pip install bpy==5.0.1)")
    import cv2

    from spp_sorter.simulation.scene_config import camera_pose

    poses = [camera_pose(**scene) for scene in SCENES.values()]
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        described = [{"rotation": p.rotation.tolist(), "translation": p.translation.tolist()} for p in poses]
        (folder / "poses.json").write_text(json.dumps(described))
        subprocess.run([args.blender, __file__, "--render-into", name], check=True, stdout=subprocess.DEVNULL)
        for number, (scene, pose) in enumerate(zip(SCENES, poses, strict=True)):
            rendered = cv2.imread(str(folder / f"mask{number}.png"), cv2.IMREAD_GRAYSCALE)
            theirs = np.round(rendered / 255.0 * 16).astype(int)
            ours, _ = render_in_world(folder, pose)
            print(f"{scene}: difference world - Blender, pixels")
            names = ("left", "top", "right", "bottom", "cent. x", "cent. y", "IoU")
            print(f"{'item':>12} " + " ".join(f"{title:>7}" for title in names))
            for item, (kind, *_) in enumerate(ITEMS, 1):
                mine, other = ours == item, theirs == item
                if not mine.any() or not other.any():
                    print(f"{kind + ' ' + str(item):>12} seen by {'the world' if mine.any() else 'Blender'} only")
                    worst = math.inf
                    continue
                left, top, right, bottom = measure(other)[:4]
                if left == 0 or top == 0 or right == SIZE_HW[1] or bottom == SIZE_HW[0]:
                    print(f"{kind + ' ' + str(item):>12} is cut by the image's edge")
                    continue
                difference = measure(mine) - measure(other)
                iou = (mine & other).sum() / (mine | other).sum()
                worst = max(worst, float(np.abs(difference).max()))
                edges = " ".join(f"{value:7.0f}" for value in difference[:4])
                print(f"{kind + ' ' + str(item):>12} {edges} {difference[4]:7.2f} {difference[5]:7.2f} {iou:7.3f}")
    print(f"greatest difference {worst:.2f} px, allowed {args.limit:g} px")
    return 0 if worst <= args.limit else 1


if __name__ == "__main__":
    sys.exit(main())
