"""Render sprite objects: colour PNGs and height maps of each resting pose, one folder per object.

Run with Blender as a Python module, see README.md. Objects that are there already are skipped.
"""

import argparse
import json
import re
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import poses
import studio
from catalogue import CATALOGUES, MODELS
from materials import restyle
from recipes import RECIPES

MAX_HEIGHT_MM, MAX_LENGTH_MM = 80.5, 250.0


def read_properties(text):
    """Models of a catalogue: path of the OBJ -> its properties."""
    entries = {}
    for line in text.splitlines():
        match = re.match(r"(\w+)#(\d+)=(.*)", line.strip())
        if match:
            entries.setdefault(match[2], {})[match[1]] = match[3]
    return {entry["model"]: entry for entry in entries.values() if "model" in entry}


class Library:
    """The .sh3f catalogues, zipped or unzipped, unpacked one model at a time."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._catalogues = {}

    def _catalogue(self, key):
        if key not in self._catalogues:
            name = CATALOGUES[key][0]
            zipped, plain = self.folder / f"{name}.sh3f", self.folder / name
            if zipped.is_file():
                archive = zipfile.ZipFile(zipped)
                names, read = archive.namelist(), archive.read
            elif plain.is_dir():
                names = [str(p.relative_to(plain)) for p in plain.rglob("*") if p.is_file()]
                read = lambda inner: (plain / inner).read_bytes()  # noqa: E731
            else:
                raise SystemExit(
                    f"no {zipped} and no folder {plain}: apt-get install sweethome3d-furniture, or --library"
                )
            text = read("PluginFurnitureCatalog.properties").decode("unicode_escape", "replace")
            self._catalogues[key] = (names, read, read_properties(text))
        return self._catalogues[key]

    def unpack(self, model, target):
        """Write the model's files under ``target``: (path of its OBJ, its properties)."""
        names, read, entries = self._catalogue(model.catalogue)
        inner = next(n for n in names if n.lower().endswith(f"/{model.path}/{model.path}.obj".lower()))
        folder = inner.rsplit("/", 1)[0]
        for name in names:
            if name.startswith(folder + "/") and not name.endswith("/"):
                out = Path(target) / name
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_bytes(read(name))
        return Path(target) / inner, entries.get("/" + inner, {})


def import_model(model, obj_path):
    """The model as one joined object, scaled, with clean materials."""
    bpy.ops.wm.obj_import(filepath=str(obj_path), use_split_objects=True)
    parts = [item for item in bpy.context.scene.objects if item.type == "MESH"]
    kept = [
        part
        for part in parts
        if (not model.keep or re.search(model.keep, part.name))
        and not (model.drop and re.search(model.drop, part.name))
    ]
    if not kept:
        raise ValueError(f"{model.name}: no part matches; parts are {[part.name for part in parts]}")
    for part in parts:
        if part not in kept:
            bpy.data.objects.remove(part)
    item = studio.join(kept)
    for slot in item.material_slots:
        style = {}
        for pattern, values in model.styles.items():
            if slot.material and re.search(pattern, slot.material.name):
                style = values
        slot.material = restyle(slot.material, style)
    used = np.zeros(len(item.data.vertices), dtype=bool)
    loops = np.empty(len(item.data.loops), dtype=np.int32)
    item.data.loops.foreach_get("vertex_index", loops)
    used[loops] = True
    extent = np.ptp(studio.vertices(item)[used], axis=0).max()
    centre = studio.vertices(item)[used].mean(axis=0)
    scaled = (studio.vertices(item) - centre) * (model.length_mm * studio.MM / extent)
    scaled[~used] = scaled[used][0]
    item.data.vertices.foreach_set("co", scaled.ravel())
    item.data.update()
    return item


def render_views(item, rotations, folder, prefix=""):
    """Render every pose; gives the list of views."""
    views = []
    for index, rotation in enumerate(rotations):
        size_mm = studio.place(item, rotation)
        size_px = studio.canvas(size_mm)
        stem = f"{prefix}{index}"
        studio.photograph(folder / f"{stem}.png", size_px)
        np.save(folder / f"{stem}.npy", studio.height_map(item, size_px))
        views.append({"pose": stem, "size_mm": [round(float(v), 1) for v in size_mm]})
    return views


def render_model(model, library, folder):
    """Render a library model; gives its record."""
    studio.reset()
    with tempfile.TemporaryDirectory() as scratch:
        obj_path, entry = library.unpack(model, scratch)
        item = import_model(model, obj_path)
        rotations = poses.stable_poses(studio.vertices(item), model.poses, MAX_HEIGHT_MM * studio.MM)
        if not rotations:
            raise ValueError(f"{model.name}: no resting pose is at most {MAX_HEIGHT_MM} mm tall; lower length_mm")
        views = render_views(item, rotations, folder)
    file_name, licence = CATALOGUES[model.catalogue]
    author = entry.get("creator") or ("Andrew Kator & Jennifer Legaz" if model.catalogue == "kator" else "unknown")
    attribution = {
        "title": entry.get("name", model.path),
        "author": author,
        "licence": licence,
        "source": f"Sweet Home 3D furniture library, {file_name}{entry.get('model', '')}, https://www.sweethome3d.com",
    }
    return {"attribution": attribution, "views": views}


def shrink_to_belt(item, lies_as_built):
    """Make an individual smaller that is too long for the belt, or too tall where its pose is given."""
    extent_mm = np.ptp(studio.vertices(item), axis=0) / studio.MM
    factor = min(1.0, MAX_LENGTH_MM / extent_mm.max())
    if lies_as_built:
        factor = min(factor, (MAX_HEIGHT_MM - 0.5) / extent_mm[2])
    if factor < 1:
        item.data.vertices.foreach_set("co", (studio.vertices(item) * factor).ravel())
        item.data.update()


def render_recipe(recipe, folder):
    """Render our own procedural object, each seed a different individual; gives its record."""
    views = []
    for seed in range(recipe.seeds):
        studio.reset()
        rng = np.random.default_rng([seed, *recipe.name.encode()])
        item = studio.join(recipe.build(rng))
        shrink_to_belt(item, recipe.lies_as_built)
        if recipe.lies_as_built:
            upright = poses.yaw_to_long_axis(studio.vertices(item)[:, :2])
            rotations = [upright, np.diag([1.0, -1.0, -1.0]) @ upright][: recipe.poses]
        else:
            rotations = poses.stable_poses(studio.vertices(item), recipe.poses, MAX_HEIGHT_MM * studio.MM)
        if not rotations:
            raise ValueError(f"{recipe.name} seed {seed}: no resting pose is at most {MAX_HEIGHT_MM} mm tall")
        views += render_views(item, rotations, folder, prefix="abcdefgh"[seed])
    attribution = {
        "title": recipe.name.replace("_", " "),
        "author": "the spp_sorter authors",
        "licence": "Apache-2.0",
        "source": "made for this project by tools/render_sprites",
    }
    return {"attribution": attribution, "views": views}


def main(args=None):
    """Render all objects, or those whose name matches ``--only``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the raw renders")
    parser.add_argument("--library", default="/usr/share/sweethome3d/furniture", help="folder of the .sh3f catalogues")
    parser.add_argument("--only", default="", help="regular expression on object names")
    parser.add_argument("--again", action="store_true", help="render even what is there")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after the object in work by then; run again to go on"
    )
    options = parser.parse_args(args if args is not None else sys.argv[1:])
    library = Library(options.library)
    began = time.monotonic()
    failed = []
    for thing in (*MODELS, *RECIPES):
        folder = options.out / thing.name
        if not re.search(options.only, thing.name) or ((folder / "object.json").is_file() and not options.again):
            continue
        if time.monotonic() - began > options.minutes * 60:
            print("time is up; run again to go on")
            break
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        try:
            record = render_model(thing, library, folder) if thing in MODELS else render_recipe(thing, folder)
        except (ValueError, StopIteration) as error:
            failed.append(thing.name)
            print(f"{thing.name}: {error!r}", file=sys.stderr, flush=True)
            continue
        record.update(name=thing.name, label=thing.label, family=thing.family, split=thing.split)
        (folder / "object.json").write_text(json.dumps(record, indent=1))
        print(thing.name, len(record["views"]), "views", record["views"][0]["size_mm"], flush=True)
    if failed:
        raise SystemExit(f"not rendered: {', '.join(failed)}")


if __name__ == "__main__":
    main()
