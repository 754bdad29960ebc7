"""Which library models become sprites: label, family, split, real size, and repairs of their old materials.

The models are those of the Sweet Home 3D furniture library (Debian package sweethome3d-furniture). Families keep
look-alikes together, so that no object of the test split has a twin in the train split.
"""

from dataclasses import dataclass, field

CATALOGUES = {
    "cc0": ("BlendSwap-CC-0", "CC0-1.0"),
    "ccby": ("BlendSwap-CC-BY", "CC-BY-3.0"),
    "kator": ("KatorLegaz", "CC-BY-3.0-US"),
    "scopia": ("Scopia", "CC-BY-3.0"),
}
"""Key -> file name in the package and SPDX licence."""


@dataclass(frozen=True)
class Model:
    """One sprite object made from a library model.

    ``length_mm`` is the longest extent after scaling. ``keep`` / ``drop``: regular expressions on the names of the
    model's parts. ``styles``: regular expression on material names -> overrides of ``materials.restyle``.
    """

    name: str
    label: str
    family: str
    split: str
    catalogue: str
    path: str
    length_mm: float
    keep: str = ""
    drop: str = ""
    styles: dict = field(default_factory=dict)
    poses: int = 3


def _non(name, family, split, catalogue, path, length_mm, **more):
    return Model(name, "non_compost", family, split, catalogue, path, length_mm, **more)


def _com(name, family, split, catalogue, path, length_mm, **more):
    return Model(name, "compost", family, split, catalogue, path, length_mm, **more)


GLASS = {"colour": "#cfdcd9", "opacity": 0.2}
METAL = {"metallic": 1.0, "rough": 0.28, "colour": "#c9c8c4"}
MODELS = (
    # Bottles, jars and cartons
    _non("beer_bottle", "beer_bottle", "train", "ccby", "beer_bottle", 200),
    _non("wine_bottle_red", "wine_bottle", "train", "kator", "red-wine-bottle-01", 250),
    _non("wine_bottle_green", "wine_bottle", "train", "scopia", "wine_bottle", 250),
    _non("yogurt_bottle", "yogurt_bottle", "test", "cc0", "yogurtBottle", 205),
    _non("baby_bottle", "baby_bottle", "train", "cc0", "mamadeira", 147),
    _non("flacon", "flacon", "train", "cc0", "flacon", 120, styles={"": {"colour": "#6f9fb8", "opacity": 0.45}}),
    _non("spray_bottle", "spray_bottle", "test", "kator", "spray-bottle", 230),
    _non("bath_bottle", "bath_bottle", "train", "scopia", "com_bath", 120),
    _non("soap_bottle", "soap_bottle", "train", "scopia", "com_bath2_jabon_pijo", 137),
    _non("soap_dispenser", "soap_dispenser", "test", "scopia", "com_bath2_soap", 190),
    _non("medicine_bottle", "medicine_bottle", "train", "scopia", "medicoscopia_bottle", 87),
    _non("medicine_bottle_large", "medicine_bottle", "train", "scopia", "medicoscopia_bottle2", 139),
    _non("milk_carton", "milk_carton", "train", "cc0", "tetrapak", 200),
    _non("cosmetics_pot", "cosmetics_pot", "test", "cc0", "cosmeticsPot", 70),
    # Cups and glasses
    _non("coffee_cup_white", "coffee_cup", "train", "cc0", "caffe_final", 90),
    _non("coffee_to_go", "coffee_to_go", "train", "ccby", "coffee_cup", 114),
    _non("plastic_cup", "plastic_cup", "train", "cc0", "plasticCup", 100),
    _non("coffee_mug", "coffee_mug", "test", "kator", "coffee-mug", 110),
    _non("tumbler", "tumbler", "train", "kator", "12-oz-glass", 97, styles={"": GLASS}),
    _non("highball_glass", "highball_glass", "test", "kator", "highball-glass", 121, styles={"": GLASS}),
    _non("ashtray", "ashtray", "train", "kator", "ashtray", 85, styles={"": GLASS}),
    _non("creamer", "creamer", "train", "scopia", "creamer", 110),
    _non("cocktail_glass", "cocktail_glass", "train", "ccby", "cocktailGlass", 125, styles={"": GLASS}),
    _non("salt_shaker", "salt_shaker", "train", "ccby", "saltShaker", 79),
    # Cutlery and tools
    _non("fork", "cutlery", "train", "ccby", "fork", 178, styles={"": METAL}),
    _non("spoon", "cutlery", "train", "ccby", "spoon", 180, styles={"": METAL}),
    _non("table_knife", "cutlery", "train", "ccby", "knife", 208, styles={"": METAL}),
    _non("kitchen_knife", "kitchen_knife", "test", "ccby", "kitchenKnife", 240),
    _non("scissors", "scissors", "train", "cc0", "cissors_swap", 137),
    _non("screwdriver", "screwdriver", "train", "scopia", "tournevis", 220),
    _non("hammer", "hammer", "test", "scopia", "marteau", 230),
    _non("stapler", "stapler", "test", "kator", "stapler", 116),
    _non("tape_measure", "tape_measure", "train", "kator", "tape-measure", 120),
    _non("tape_dispenser", "tape_dispenser", "train", "scopia", "rouleau-de-ruban-adhesif", 130),
    _non(
        "keys",
        "keys",
        "train",
        "scopia",
        "keys",
        105,
        styles={"": {"metallic": 1.0, "rough": 0.35, "colour": "#b0a06a"}},
    ),
    # Electric things
    _non("smartphone", "phone", "train", "cc0", "iphone", 115),
    _non("mobile_phone", "phone", "train", "ccby", "mobile", 110),
    _non("remote_control", "remote_control", "test", "scopia", "tv-remote-control", 175),
    _non("joystick", "joystick", "train", "scopia", "ps4-joystick", 155),
    _non("flashlight", "flashlight", "train", "kator", "flashlight", 150),
    _non("compact_camera", "camera", "train", "scopia", "basic_camera", 97),
    _non("wall_switch", "wall_socket", "train", "scopia", "square-double-switch", 82),
    _non("double_socket", "wall_socket", "train", "ccby", "wallDoubleSocket", 150),
    _non("smoke_detector", "smoke_detector", "train", "scopia", "smoke-detector", 98),
    _non("headphones", "headphones", "test", "cc0", "headphones", 190),
    # Bathroom, clothes, toys
    _non("comb", "comb", "train", "cc0", "comb", 125),
    _non("hair_comb", "comb", "train", "scopia", "com_bath2_peineta", 66),
    _non("hand_brush", "brush", "train", "scopia", "com_bath2_cepillo", 190),
    _non("lip_stick", "lip_stick", "train", "ccby", "lipStick", 95),
    _non("spectacles", "spectacles", "train", "scopia", "glasses", 148),
    _non("glove", "glove", "train", "scopia", "gant-textured", 245),
    _non("slipper", "shoe", "train", "cc0", "slippers", 235, keep="^slipper_R", poses=2),
    _non("moccasin", "shoe", "train", "scopia", "mocassin", 225, keep="^Plane$", poses=2),
    _non("text_marker", "marker", "train", "cc0", "textMarker", 130),
    _non("rubiks_cube", "rubiks_cube", "test", "ccby", "rubix2", 56),
    _non("toy_biplane", "toy", "train", "cc0", "cartoon_biplane", 140),
    _non("doll", "doll", "test", "scopia", "doll", 104),
    # Sundries, many of them shaped or coloured like food
    _non("wrist_watch", "wrist_watch", "train", "scopia", "montre-with-pose", 87),
    _non("wrist_watch_open", "wrist_watch", "train", "scopia", "montre", 235, poses=2),
    _non("sock", "sock", "train", "scopia", "chaussette", 245, poses=2),
    _non("plate", "plate", "train", "kator", "bread-plate", 190, poses=2),
    _non("alarm_clock", "alarm_clock", "train", "ccby", "clock", 70),
    _non("toy_basketball", "ball", "train", "cc0", "basketball", 72),
    _non("toy_football", "ball", "train", "ccby", "ballonFoot", 66),
    _non("wooden_car", "toy_car", "train", "ccby", "carrito-de-madera", 140),
    _non("tap", "tap", "train", "scopia", "garden-faucet", 170),
    _non("squeezer", "squeezer", "train", "scopia", "squeezer", 150),
    _non("table_tennis_bat", "table_tennis_bat", "train", "ccby", "tableTennisBat", 240),
    _non("sunglasses", "spectacles", "train", "ccby", "sunglasses", 148),
    _non("pen_blue", "ballpoint_pen", "train", "scopia", "pencil2", 140),
    _non("puzzle", "puzzle", "train", "cc0", "housePuzzle", 150),
    _non("toy_train", "toy_train", "train", "ccby", "toyTrain", 190),
    _non("serving_spoon", "kitchen_tool", "train", "scopia", "kitchen_tool1", 240),
    _non("pasta_server", "kitchen_tool", "train", "scopia", "kitchen_tool4", 240),
    _non("tablet", "tablet", "train", "scopia", "tablet", 235),
    _non("thermometer", "thermometer", "train", "ccby", "thermometer", 160),
    _non("xylophone", "xylophone", "train", "ccby", "xylophone", 230, poses=2),
    # Food
    _com("bread", "bread", "train", "cc0", "bread", 210),
    _com("apple_red", "apple", "train", "scopia", "apples", 78, keep="apple2.001"),
    _com("apple_yellow", "apple", "train", "scopia", "bowlWithFruits", 76, keep="^apple.001"),
    _com("banana", "banana", "train", "scopia", "bowlWithFruits", 185, keep="^banana.001"),
    _com("orange", "orange", "train", "scopia", "bowlWithFruits", 76, keep="^orange_"),
    _com("pear", "pear", "test", "scopia", "bowlWithFruits", 96, keep="^pear$"),
    _com("salad_leaves", "salad", "test", "scopia", "bowlWithSalad", 160, keep="^leaves|^saladBase", poses=2),
    _com("hamburger", "hamburger", "train", "ccby", "hamburger", 94),
    _com("steak", "meat", "train", "scopia", "steak", 210),
    _com("roasted_chicken", "meat", "train", "scopia", "roasted-chicken", 125),
    _com("hot_dog", "hot_dog", "test", "cc0", "hotDog", 190),
    _com("cupcake", "cake", "train", "cc0", "cupcake", 75),
    _com("french_fries", "french_fries", "train", "scopia", "frenchFries", 170),
    _com("succulent_plant", "house_plant", "test", "ccby", "succulentPlant", 100, drop="^Cube_Cube.001"),
)
