"""Stable resting poses of a mesh on a plane, from its convex hull."""

import bmesh
import numpy as np

MERGE_COS = np.cos(np.radians(12.0))
"""Hull faces whose normals differ less than this are one side to lie on."""


def hull_faces(points):
    """Triangles of the convex hull of ``points`` [N, 3] as (corners [F, 3, 3], outward normals [F, 3])."""
    mesh = bmesh.new()
    for point in points:
        mesh.verts.new(point)
    hull = bmesh.ops.convex_hull(mesh, input=mesh.verts, use_existing_faces=False)
    faces = [item for item in hull["geom"] if isinstance(item, bmesh.types.BMFace)]
    corners = np.array([[vert.co[:] for vert in face.verts[:3]] for face in faces])
    mesh.free()
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    keep = areas > 1e-12
    corners, normals = corners[keep], normals[keep] / areas[keep, None]
    outward = np.einsum("fk,fk->f", normals, corners[:, 0] - points.mean(axis=0)) > 0
    normals[~outward] *= -1
    return corners, normals


def centre_of_mass(corners):
    """Centroid of the solid that the hull triangles [F, 3, 3] enclose."""
    inside = corners.reshape(-1, 3).mean(axis=0)
    shifted = corners - inside
    volumes = np.abs(np.einsum("fk,fk->f", shifted[:, 0], np.cross(shifted[:, 1], shifted[:, 2])))
    centroids = shifted.sum(axis=1) / 4.0
    return inside + (volumes[:, None] * centroids).sum(axis=0) / max(volumes.sum(), 1e-18)


def solid_angles(corners, eye):
    """Solid angle of each triangle [F, 3, 3] seen from ``eye``: how likely a tumbling body lands on it.

    Source: Van Oosterom and Strackee 1983.
    """
    a, b, c = (corners[:, k] - eye for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    top = np.abs(np.einsum("fk,fk->f", a, np.cross(b, c)))
    bottom = la * lb * lc
    bottom += np.einsum("fk,fk->f", a, b) * lc + np.einsum("fk,fk->f", a, c) * lb + np.einsum("fk,fk->f", b, c) * la
    return 2.0 * np.abs(np.arctan2(top, bottom))


def rotation_to_down(normal):
    """Rotation matrix [3, 3] that turns ``normal`` to -z."""
    target = np.array([0.0, 0.0, -1.0])
    axis = np.cross(normal, target)
    cosine = float(normal @ target)
    if np.linalg.norm(axis) < 1e-9:
        return np.eye(3) if cosine > 0 else np.diag([1.0, -1.0, -1.0])
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + cross + cross @ cross / (1.0 + cosine)


def yaw_to_long_axis(xy):
    """Rotation [3, 3] about z that puts the longer side of the smallest rectangle around ``xy`` [N, 2] along x."""
    best = None
    for angle in np.radians(np.arange(0.0, 180.0, 2.0)):
        c, s = np.cos(angle), np.sin(angle)
        span = np.ptp(xy @ np.array([[c, s], [-s, c]]), axis=0)
        if span[0] >= span[1] - 1e-9 and (best is None or span[0] * span[1] < best[0]):
            best = (span[0] * span[1], c, s)
    _, c, s = best
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rests(turned, centre, max_height):
    """Whether points [N, 3] above the plane stand low enough, with ``centre`` over their feet."""
    height = np.ptp(turned[:, 2])
    feet = turned[turned[:, 2] < turned[:, 2].min() + max(0.02 * height, 1e-6)][:, :2]
    margin = 0.02 * np.ptp(turned[:, :2], axis=0).max()
    inside = (feet.min(axis=0) - margin <= centre[:2]) & (centre[:2] <= feet.max(axis=0) + margin)
    return height <= max_height and bool(inside.all())


def stable_poses(points, count, max_height, min_turn_deg=35.0):
    """Rotations [3, 3] in which the body rests, most likely first, at least ``min_turn_deg`` apart.

    ``points`` [N, 3] and ``max_height`` share one unit; poses that stand taller are left out.
    """
    corners, normals = hull_faces(points)
    eye = centre_of_mass(corners)
    weights = solid_angles(corners, eye)
    sides = (normals @ normals.T > MERGE_COS) @ weights
    # Ties (turned bodies) break on the normal, so that the same mesh always gives the same poses.
    order = sorted(
        range(len(normals)), key=lambda face: (-round(float(sides[face]), 4), tuple(np.round(normals[face], 6)))
    )
    limit = np.cos(np.radians(min_turn_deg))
    chosen, best = [], None
    for face in order:
        if len(chosen) == count or (best is not None and sides[face] < 0.15 * best):
            break
        if any(normals[face] @ normals[other] >= limit for other, _ in chosen):
            continue
        rotation = rotation_to_down(normals[face])
        if rests(points @ rotation.T, eye @ rotation.T, max_height):
            best = sides[face] if best is None else best
            chosen.append((face, rotation))
    result = []
    for _, rotation in chosen:
        turned = points @ rotation.T
        result.append(yaw_to_long_axis(turned[:, :2]) @ rotation)
    return result
