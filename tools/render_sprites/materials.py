"""Cycles materials: what the imported models get in place of their own, and the mottled ones of grown things."""

import bpy


def to_linear(value):
    """sRGB component 0..1 to linear light."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def linear_rgba(colour):
    """``#rrggbb`` or an sRGB triple 0..1 to linear RGBA."""
    if isinstance(colour, str):
        colour = [int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    return (*(min(0.86, max(0.012, to_linear(c))) for c in colour[:3]), 1.0)


def new_material(name):
    """An empty node material: (material, tree, surface input of its output)."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    return material, tree, output.inputs["Surface"]


def principled(tree, rough, metallic=0.0, specular=0.4):
    """A Principled BSDF node."""
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    shader.inputs["Roughness"].default_value = rough
    shader.inputs["Metallic"].default_value = metallic
    shader.inputs["Specular IOR Level"].default_value = specular
    return shader


def see_through(tree, shader, surface, opacity, rim=0.6):
    """Let the belt show through: each wall covers ``opacity``, more where it is seen edge on."""
    clear = tree.nodes.new("ShaderNodeBsdfTransparent")
    weight = tree.nodes.new("ShaderNodeLayerWeight")
    weight.inputs["Blend"].default_value = 0.35
    edge = tree.nodes.new("ShaderNodeMath")
    edge.operation = "POWER"
    edge.inputs[1].default_value = 2.0
    tree.links.new(weight.outputs["Facing"], edge.inputs[0])
    cover = tree.nodes.new("ShaderNodeMapRange")
    cover.inputs["To Min"].default_value = opacity
    cover.inputs["To Max"].default_value = min(1.0, opacity + rim)
    tree.links.new(edge.outputs[0], cover.inputs["Value"])
    mix = tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(cover.outputs["Result"], mix.inputs["Fac"])
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(shader.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], surface)


def plain(name, colour, rough=0.5, metallic=0.0, opacity=1.0, specular=0.4, bump=0.0, bump_scale=8.0):
    """One colour: plastic, metal, paint; clear when ``opacity`` < 1."""
    material, tree, surface = new_material(name)
    shader = principled(tree, rough, metallic, 1.0 if opacity < 0.6 else specular)
    shader.inputs["Base Color"].default_value = linear_rgba(colour)
    if bump:
        add_bump(tree, shader, bump, bump_scale)
    if opacity < 1.0:
        see_through(tree, shader, surface, opacity)
    else:
        tree.links.new(shader.outputs[0], surface)
    return material


def add_bump(tree, shader, strength, scale, coordinates=None):
    """Small noise relief."""
    if coordinates is None:
        coordinates = tree.nodes.new("ShaderNodeTexCoord").outputs["Object"]
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = scale
    noise.inputs["Detail"].default_value = 6.0
    tree.links.new(coordinates, noise.inputs["Vector"])
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = strength
    bump.inputs["Distance"].default_value = 0.02
    tree.links.new(noise.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])


def mottled(
    name, colours, scale=4.0, along=None, blend=0.5, rough=0.55, bump=0.3, seed=0, stretch=(1, 1, 1), opacity=1.0
):
    """Colours of a ramp, chosen by noise, or by the vertex attribute ``along`` with ``blend`` of noise mixed in.

    ``scale`` counts noise cells in 100 mm; ``stretch`` multiplies it per axis of the object.
    """
    material, tree, surface = new_material(name)
    node, link = tree.nodes.new, tree.links.new
    mapping = node("ShaderNodeMapping")
    link(node("ShaderNodeTexCoord").outputs["Object"], mapping.inputs["Vector"])
    mapping.inputs["Location"].default_value = (seed * 3.7, seed * 1.3, seed * 7.1)
    mapping.inputs["Scale"].default_value = stretch
    noise = node("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = scale
    noise.inputs["Detail"].default_value = 8.0
    noise.inputs["Roughness"].default_value = 0.62
    link(mapping.outputs[0], noise.inputs["Vector"])
    spread = node("ShaderNodeMapRange")
    spread.inputs["From Min"].default_value, spread.inputs["From Max"].default_value = 0.3, 0.7
    link(noise.outputs["Fac"], spread.inputs["Value"])
    factor = spread.outputs["Result"]
    if along is not None:
        attribute = node("ShaderNodeAttribute")
        attribute.attribute_name = along
        mix = node("ShaderNodeMix")
        mix.data_type = "FLOAT"
        mix.inputs[0].default_value = blend
        link(attribute.outputs["Fac"], mix.inputs[2])
        link(factor, mix.inputs[3])
        factor = mix.outputs[0]
    ramp = node("ShaderNodeValToRGB")
    elements = ramp.color_ramp.elements
    while len(elements) < len(colours):
        elements.new(0.5)
    for index, (element, colour) in enumerate(zip(elements, colours, strict=True)):
        element.position = index / max(1, len(colours) - 1)
        element.color = linear_rgba(colour)
    link(factor, ramp.inputs["Fac"])
    shader = principled(tree, rough, specular=0.25)
    link(ramp.outputs["Color"], shader.inputs["Base Color"])
    if bump:
        add_bump(tree, shader, bump, scale * 4.0, mapping.outputs[0])
    if opacity < 1.0:
        see_through(tree, shader, surface, opacity)
    else:
        link(shader.outputs[0], surface)
    return material


def restyle(material, style):
    """A clean material in place of an imported one: its texture or colour, and what ``style`` overrides."""
    old = next((n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED"), None) if material else None
    image, colour, opacity = None, (0.8, 0.8, 0.8), 1.0
    if old is not None:
        base = old.inputs["Base Color"]
        colour = tuple(base.default_value)[:3]
        opacity = old.inputs["Alpha"].default_value
        source = next((n for n in material.node_tree.nodes if n.type == "TEX_IMAGE" and base.is_linked), None)
        image = source.image if source and source.image and source.image.size[0] else None
    name = material.name if material else "none"
    colour = style.get("colour", colour)
    opacity = style.get("opacity", max(0.18, opacity) if opacity < 0.95 else 1.0)
    rough, metallic = style.get("rough", 0.45 if opacity == 1.0 else 0.07), style.get("metallic", 0.0)
    if image is None or "colour" in style:
        return plain(name, colour, rough, metallic, opacity)
    fresh, tree, surface = new_material(name)
    shader = principled(tree, rough, metallic, 0.3)
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    tint = tree.nodes.new("ShaderNodeHueSaturation")
    tint.inputs["Value"].default_value = style.get("gain", 1.0)
    tint.inputs["Saturation"].default_value = style.get("saturation", 1.0)
    tree.links.new(texture.outputs["Color"], tint.inputs["Color"])
    tree.links.new(tint.outputs["Color"], shader.inputs["Base Color"])
    if image.depth == 32 and style.get("cutout", True):
        tree.links.new(texture.outputs["Alpha"], shader.inputs["Alpha"])
    if opacity < 1.0:
        see_through(tree, shader, surface, opacity)
    else:
        tree.links.new(shader.outputs[0], surface)
    return fresh
