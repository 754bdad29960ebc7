"""The photo studio: an orthographic camera straight above, soft even light, no ground; colour and height of one pose.

One Blender unit is 100 mm here, which keeps Cycles well away from its ray offsets.
"""

import math

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree

MM = 0.01
"""Blender units per millimetre."""
METRES_PER_PX = 0.00075
UNITS_PER_PX = METRES_PER_PX * 1000.0 * MM
MARGIN_PX = 3


def reset():
    """An empty scene with the render settings and the light dome."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.film_transparent = True
    scene.render.filter_size = 1.2
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.threads_mode = "FIXED"
    scene.render.threads = 2
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = 24
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.seed = 0
    cycles.max_bounces = 6
    cycles.transparent_max_bounces = 16
    cycles.sample_clamp_indirect = 3.0
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type = "ORTHO"
    camera.data.clip_end = 100.0
    camera.location = (0.0, 0.0, 10.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = _dome()
    return scene


def _dome():
    """Bright above, dim at the horizon, dark below (the belt); glossy rays also see two soft boxes."""
    world = bpy.data.worlds.new("dome")
    world.use_nodes = True
    # Making an importance map takes longer than the picture, and an even dome does not need one.
    world.cycles.sampling_method = "NONE"
    tree = world.node_tree
    tree.nodes.clear()
    node, link = tree.nodes.new, tree.links.new
    coordinates = node("ShaderNodeTexCoord")
    split = node("ShaderNodeSeparateXYZ")
    link(coordinates.outputs["Generated"], split.inputs[0])
    up = node("ShaderNodeMapRange")
    up.inputs["From Min"].default_value, up.inputs["From Max"].default_value = -1.0, 1.0
    link(split.outputs["Z"], up.inputs["Value"])
    sky = node("ShaderNodeValToRGB")
    stops = ((0.0, 0.10), (0.47, 0.16), (0.55, 0.62), (1.0, 1.18))
    while len(sky.color_ramp.elements) < len(stops):
        sky.color_ramp.elements.new(0.5)
    for element, (position, value) in zip(sky.color_ramp.elements, stops, strict=True):
        element.position, element.color = position, (value, value, value * 0.99, 1.0)
    link(up.outputs["Result"], sky.inputs["Fac"])
    box = node("ShaderNodeTexWave")
    box.inputs["Scale"].default_value = 0.9
    link(coordinates.outputs["Generated"], box.inputs["Vector"])
    sharp = node("ShaderNodeMapRange")
    for name, value in (("From Min", 0.8), ("From Max", 0.97), ("To Min", 0.55), ("To Max", 3.0)):
        sharp.inputs[name].default_value = value
    link(box.outputs["Fac"], sharp.inputs["Value"])
    path = node("ShaderNodeLightPath")
    pick = node("ShaderNodeMix")
    pick.data_type = "FLOAT"
    pick.inputs[2].default_value = 1.0
    link(path.outputs["Is Glossy Ray"], pick.inputs[0])
    link(sharp.outputs["Result"], pick.inputs[3])
    background = node("ShaderNodeBackground")
    link(sky.outputs["Color"], background.inputs["Color"])
    link(pick.outputs[0], background.inputs["Strength"])
    output = node("ShaderNodeOutputWorld")
    link(background.outputs[0], output.inputs["Surface"])
    return world


def join(objects):
    """One mesh object of ``objects``, modifiers applied, its transform identity."""
    bpy.ops.object.select_all(action="DESELECT")
    graph = bpy.context.evaluated_depsgraph_get()
    for item in objects:
        mesh = bpy.data.meshes.new_from_object(item.evaluated_get(graph))
        mesh.transform(item.matrix_world)
        item.modifiers.clear()
        item.data = mesh
        item.parent = None
        item.matrix_world = Matrix.Identity(4)
        item.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]
    if len(objects) > 1:
        bpy.ops.object.join()
    return bpy.context.view_layer.objects.active


def vertices(item):
    """Vertices [N, 3] of the joined object in its own coordinates."""
    points = np.empty(len(item.data.vertices) * 3)
    item.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def place(item, rotation):
    """Lay the object on z = 0, centred, and give its size (x, y, z) in millimetres."""
    turned = vertices(item) @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    shift = -np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    item.matrix_world = Matrix.Translation(Vector(shift)) @ Matrix(rotation.tolist()).to_4x4()
    bpy.context.view_layer.update()
    return (high - low) / MM


def canvas(size_mm):
    """Pixels (width, height) that hold the item and its margin."""
    return tuple(math.ceil(extent * MM / UNITS_PER_PX) + 2 * MARGIN_PX for extent in size_mm[:2])


def height_map(item, size_px):
    """Height of the top surface [h, w] uint8 in millimetres at pixel centres, 0 where nothing is."""
    mesh = item.data
    mesh.calc_loop_triangles()
    triangles = np.empty(len(mesh.loop_triangles) * 3, dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    world = np.array(item.matrix_world)
    points = vertices(item) @ world[:3, :3].T + world[:3, 3]
    tree = BVHTree.FromPolygons(points.tolist(), triangles.reshape(-1, 3).tolist())
    width, height = size_px
    down = Vector((0.0, 0.0, -1.0))
    heights = np.zeros((height, width), dtype=np.uint8)
    for row in range(height):
        y = (height / 2 - row - 0.5) * UNITS_PER_PX
        for column in range(width):
            hit = tree.ray_cast(Vector(((column + 0.5 - width / 2) * UNITS_PER_PX, y, 20.0)), down)[0]
            if hit is not None:
                heights[row, column] = min(255, max(1, round(hit.z / MM)))
    return heights


def photograph(path, size_px):
    """Render the scene to a PNG with straight alpha."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size_px
    scene.camera.data.ortho_scale = max(size_px) * UNITS_PER_PX
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
