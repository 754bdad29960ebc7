"""What was chosen by eye: pictures of the known collections to leave out, and stamps that look like photographs."""

from __future__ import annotations

TRASHNET_LABELS = {
    "glass": "non_compost",
    "metal": "non_compost",
    "plastic": "non_compost",
    "trash": "non_compost",
    "paper": "ignore",
    "cardboard": "ignore",
}
"""Paper and cardboard compost in some plants and not in others."""

TRASHNET_DOUBTFUL = frozenset(
    f"trash{number}"
    for number in (
        3, 7, 8, 11, 13, 14, 16, 17, 18, 20, 23, 26, 29, 30, 31, 37, 42, 48, 49, 53, 55, 56, 58, 59, 61, 65, 67, 69, 70,
        74, 76, 80, 81, 84, 86, 89, 90, 92, 93, 95, 96, 100, 103, 104, 106, 107,
    )
)  # fmt: skip
"""Paper towels, apple cores, orange peel, tea bags, and pictures that a single sheet fills."""

GROCERY_LABELS = {"fruit": "compost", "vegetables": "compost", "packages": "non_compost"}

PICTURED_FRUIT = ("Bravo", "God-Morgon", "Tropicana")
"""Makes whose cartons show large pictures of fruit: a piece of one could be taken for a piece of fruit."""

STAMPS = {
    "compost": (
        "food/fruit: Apricot_whole Cherry_Stella Strawberry2 apple_fuji apple_granny_smith apple_green apple_red "
        "apple_sierra_beauty apricot avocado banana cherimoya grapes kiwi lemon mandarine mango orange orange_seville "
        "pear pineapple pomegranate raspberry sliced_lime sliced_orange strawberry",
        "food/nuts: almond pecan walnut",
        "food/spices: ginger",
        "food/vegetables: broccoli carrot chilepepper corn eggplant garlic garlics lettuce mushroom onion "
        "pattypan_squash pepper potato pumpkin_small redlettuce tomato yam yellowpepper",
        "plants/flowers: adeenia anemone_red anthoorium balsom chemparathi daffodil flower1 flower10 flower2 flower3 "
        "flower4 flower5 flower6 flower8 flower9 iris marigold pigface red-gazania rose whitestar-petunia "
        "yellow-flower",
        "plants/mushrooms: cep-1 cep-2 cep",
        "plants: lettuce_bolted thyme lavender",
        "plants/trees: holly_leaves pinecone rambutan",
        "seasonal/christmas: Mince_Pie Roast_turkey Christmas_pudding",
    ),
    "non_compost": (
        "hobbies: binoculars camera_35mm",
        "hobbies/music/brass: trumpet",
        "household: Lightbulb key rubberduck kettle garbagecan",
        "household/arttools: highlighter pen_dryerase scissors_small_closed scissors_small_open",
        "household/dishes: cylinder glass mug pitcher_small teapot",
        "household/dishes/utensils: nutcracker pepper_grinder",
        "household/tools: hammer mallet_metal measuring_tape plyers toolbox wrench wrench_adjustable wrench_plumbers "
        "paintbrush_large",
        "medical: bandage_adhesive mercurythermometer stethoscope syringe",
        "seasonal/christmas: xmas_tp_bulb Candy_cane_photo1",
        "sports: australian_rules basketball cricketball football soccer tennis_ball trophy_cup",
        "symbols/money/canadian/coins: 001penny 005nickel 025quarter 100loonie 200toonie",
        "symbols/money/euro/coins: 002 005 020 100 200",
        "symbols/money/japanese/coins: yen001 yen010 yen050",
        "symbols/money/japanese: yen001 yen010 yen050",
        "symbols/money/us/coins: 001penny 005nickel 025quarter",
    ),
}
"""Folder and names of the stamps of Tux Paint that are photographs, or look like them, by label."""
