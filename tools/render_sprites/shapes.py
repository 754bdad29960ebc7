"""Mesh building blocks for procedural objects. Lengths are millimetres; z is up."""

import bpy
import numpy as np
from mathutils import Vector, noise
from studio import MM


def mesh_object(points, faces, materials, along=None, face_materials=None, thickness=0.0):
    """A smooth mesh object of ``points`` [N, 3] mm; ``along`` [N] becomes the vertex attribute of that name.

    ``thickness`` makes a solid of a sheet; its back and rim take the second material, where there is one.
    """
    materials = materials if isinstance(materials, (list, tuple)) else [materials]
    mesh = bpy.data.meshes.new("part")
    mesh.from_pydata((np.asarray(points) * MM).tolist(), [], [list(map(int, face)) for face in faces])
    mesh.update()
    for material in materials:
        mesh.materials.append(material)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), dtype=bool))
    if face_materials is not None:
        mesh.polygons.foreach_set("material_index", np.asarray(face_materials, dtype=np.int32))
    if along is not None:
        attribute = mesh.attributes.new("along", "FLOAT", "POINT")
        attribute.data.foreach_set("value", np.asarray(along, dtype=np.float32))
    item = bpy.data.objects.new("part", mesh)
    bpy.context.scene.collection.objects.link(item)
    if thickness:
        solidify = item.modifiers.new("solid", "SOLIDIFY")
        solidify.thickness = thickness * MM
        solidify.offset = 0.0
        if len(materials) > 1:
            solidify.material_offset = 1
            solidify.material_offset_rim = 1
    bpy.context.view_layer.update()
    return item


def fractal(points, cell_mm, offset, octaves=4):
    """Fractal noise about -1..1 at ``points`` [N, 3] mm, cells of ``cell_mm``."""
    scaled = np.asarray(points) / cell_mm + offset
    return np.array([noise.fractal(Vector(p), 0.9, 2.1, octaves) for p in scaled])


def offset_of(rng):
    """A random place in the noise field."""
    return rng.uniform(-50.0, 50.0, 3)


def grid_faces(rows, columns, closed=False):
    """Quads of a [rows, columns] grid of vertices; ``closed`` joins the last column to the first."""
    faces = []
    for i in range(rows - 1):
        for j in range(columns if closed else columns - 1):
            k = (j + 1) % columns
            faces.append((i * columns + j, i * columns + k, (i + 1) * columns + k, (i + 1) * columns + j))
    return faces


def loft(rings, materials, caps=(True, True), along=None, thickness=0.0, face_materials=None):
    """Skin through ``rings`` [R, K, 3]; ``along`` [R] or [R, K]."""
    rings = np.asarray(rings, dtype=float)
    rows, columns = rings.shape[:2]
    points = rings.reshape(-1, 3)
    faces = grid_faces(rows, columns, closed=True)
    values = None
    if along is not None:
        along = np.asarray(along, dtype=float)
        values = (np.repeat(along[:, None], columns, axis=1) if along.ndim == 1 else along).ravel()
    marks = None if face_materials is None else list(np.repeat(face_materials, columns))
    for end, (wanted, row) in enumerate(zip(caps, (0, rows - 1), strict=True)):
        if wanted:
            ring = list(range(row * columns, (row + 1) * columns))
            faces.append(ring[::-1] if end == 0 else ring)
            if marks is not None:
                marks.append(marks[0] if end == 0 else marks[-1])
    return mesh_object(points, faces, materials, values, marks, thickness)


def lathe_rings(profile, segments=48, samples=0):
    """Rings [R, K, 3] of a profile of (radius, z); ``samples`` > 0 resamples it smoothly by length."""
    profile = np.asarray(profile, dtype=float)
    if samples:
        length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))]
        at = np.linspace(0.0, length[-1], samples)
        profile = np.stack([np.interp(at, length, profile[:, k]) for k in range(2)], axis=1)
        kernel = np.array([0.25, 0.5, 0.25])
        for _ in range(2):
            profile[1:-1] = np.stack([np.convolve(profile[:, k], kernel, "valid") for k in range(2)], axis=1)
    angle = np.linspace(0.0, 2 * np.pi, segments, endpoint=False)
    rings = np.empty((len(profile), segments, 3))
    rings[..., 0] = np.maximum(profile[:, :1], 0.02) * np.cos(angle)
    rings[..., 1] = np.maximum(profile[:, :1], 0.02) * np.sin(angle)
    rings[..., 2] = profile[:, 1:]
    return rings


def lathe(profile, materials, segments=48, samples=0, **more):
    """A turned body, see ``lathe_rings`` and ``loft``."""
    return loft(lathe_rings(profile, segments, samples), materials, **more)


def tube(path, radius, materials, segments=12, along=None):
    """A round bar along ``path`` [P, 3] with ``radius`` (number or [P])."""
    path = np.asarray(path, dtype=float)
    radius = np.broadcast_to(radius, len(path))
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    side = np.cross(tangent[0], [0.0, 0.0, 1.0] if abs(tangent[0][2]) < 0.9 else [1.0, 0.0, 0.0])
    angle = np.linspace(0.0, 2 * np.pi, segments, endpoint=False)
    rings = np.empty((len(path), segments, 3))
    for i, (centre, ahead) in enumerate(zip(path, tangent, strict=True)):
        side = side - ahead * (side @ ahead)
        side /= np.linalg.norm(side) + 1e-12
        up = np.cross(ahead, side)
        rings[i] = centre + radius[i] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up)
    return loft(rings, materials, along=along)


def smooth_path(knots, samples=60):
    """A smooth curve [samples, 3] through ``knots`` [K, 3] (Catmull-Rom)."""
    knots = np.asarray(knots, dtype=float)
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    where = np.linspace(0.0, len(knots) - 1 - 1e-9, samples)
    i = where.astype(int)
    t = (where - i)[:, None]
    a, b, c, d = padded[i], padded[i + 1], padded[i + 2], padded[i + 3]
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def ball_points(level=5):
    """Vertices [N, 3] and triangles of a unit icosphere."""
    import bmesh

    mesh = bmesh.new()
    bmesh.ops.create_icosphere(mesh, subdivisions=level, radius=1.0)
    points = np.array([vert.co[:] for vert in mesh.verts])
    faces = [[vert.index for vert in face.verts] for face in mesh.faces]
    mesh.free()
    return points, faces


def blob(radii, material, rng, rough=0.15, cell=1.0, octaves=4, level=5, at=(0, 0, 0), cuts=0):
    """A lump: an ellipsoid of ``radii`` mm displaced by noise (``rough`` of its size); ``cuts`` flat faces."""
    unit, faces = ball_points(level)
    unit = unit * (1.0 + rough * fractal(unit, cell, offset_of(rng), octaves))[:, None]
    for _ in range(cuts):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        excess = np.maximum(unit @ normal - rng.uniform(0.45, 0.8), 0.0)
        unit = unit - excess[:, None] * normal * 0.95
    return mesh_object(unit * np.asarray(radii) + np.asarray(at), faces, material)


def turned(points, rng=None, yaw=None, tilt=0.0):
    """Points rotated by ``tilt`` about x and then by ``yaw`` (random without it) about z."""
    yaw = rng.uniform(0.0, 2 * np.pi) if yaw is None else yaw
    c, s, ct, st = np.cos(yaw), np.sin(yaw), np.cos(tilt), np.sin(tilt)
    about_x = np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.asarray(points) @ (about_z @ about_x).T


def sheet_grid(rows=70, columns=40):
    """Parameters u along 0..1 and v across -1..1, each [rows, columns]."""
    return np.meshgrid(np.linspace(0.0, 1.0, rows), np.linspace(-1.0, 1.0, columns), indexing="ij")


def sheet(x, y, z, materials, along=None, thickness=1.0):
    """A curved sheet from coordinate grids [rows, columns] mm."""
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    values = None if along is None else np.clip(along, 0, 1).ravel()
    return mesh_object(points, grid_faces(*x.shape), materials, values, thickness=thickness)


def box(size, material, at=(0, 0, 0), round_mm=1.0):
    """A block with rounded edges, standing on z = ``at[2]``."""
    half = np.asarray(size) / 2.0
    corners = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]) * half
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    item = mesh_object(corners + np.asarray(at) + [0, 0, half[2]], faces, material)
    if round_mm:
        bevel = item.modifiers.new("round", "BEVEL")
        bevel.width = round_mm * MM
        bevel.segments = 3
    item.data.polygons.foreach_set("use_smooth", np.zeros(len(item.data.polygons), dtype=bool))
    return item


def pick(rng, *options):
    """One of the options."""
    return options[rng.integers(len(options))]


def roughened(rings, rng, amount, cell):
    """Rings pushed outward by noise of ``amount`` mm."""
    flat = rings.reshape(-1, 3)
    centre = rings.mean(axis=1, keepdims=True)
    out = rings - centre
    out /= np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9
    return rings + out * (amount * fractal(flat, cell, offset_of(rng))).reshape(*rings.shape[:2], 1)


def resampled(profile, samples):
    """Straight-edged profile with more points."""
    profile = np.asarray(profile, dtype=float)
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))]
    at = np.union1d(np.linspace(0, length[-1], samples), length)
    return np.stack([np.interp(at, length, profile[:, k]) for k in range(2)], axis=1)


def crumpled(u, v, rng, amount, cell):
    """Sharp folds: ridged noise over the sheet, in mm."""
    at = np.stack([u, v, 0 * u], -1).reshape(-1, 3)
    folds = (
        1 - 2 * np.abs(fractal(at, cell, offset_of(rng), 3)) + 0.6 * np.abs(fractal(at, cell / 2.3, offset_of(rng), 2))
    )
    return amount * folds.reshape(u.shape)
