"""All procedural objects: the recipes of every file of them."""

import bakery
import blossoms
import containers
import cooked
import desk
import dishes
import foliage
import fruit
import gadgets
import garden
import hardware
import household
import kitchen
import litter
import metalware
import nuts
import organics
import packaging
import patch
import peels
import playthings
import roots
import stalks
import sundries
import sweets
import toolbox
import toybox
import vegetables
import vessels
import workshop
import wrappers
import yard

COMPOSTABLES = (
    organics, fruit, vegetables, foliage, bakery, kitchen, roots, stalks, peels, nuts, sweets, cooked, blossoms, garden,
    patch, dishes,
)  # fmt: skip
CONTAMINANTS = (
    litter, containers, packaging, hardware, sundries, playthings, workshop, wrappers, vessels, metalware, toybox, desk,
    household, yard, toolbox, gadgets,
)  # fmt: skip
RECIPES = tuple(recipe for file in (*COMPOSTABLES, *CONTAMINANTS) for recipe in file.RECIPES)
