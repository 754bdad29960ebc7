"""All procedural objects: the recipes of every file of them."""

import bakery
import blossoms
import brassicas
import broken_pots
import containers
import cooked
import desk
import discards
import dishes
import figures
import foliage
import fruit
import gadgets
import garden
import handheld
import hardware
import headsets
import household
import kitchen
import leftovers
import liquids
import litter
import metalware
import nuts
import organics
import packaging
import patch
import pears_and_leaves
import peels
import playthings
import pulled_up
import puzzles
import rests
import rinds
import roots
import roots_and_cobs
import sharps
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
    patch, dishes, brassicas, roots_and_cobs, pears_and_leaves, leftovers, pulled_up, rests, rinds,
)  # fmt: skip
CONTAMINANTS = (
    litter, containers, packaging, hardware, sundries, playthings, workshop, wrappers, vessels, metalware, toybox, desk,
    household, yard, toolbox, gadgets, handheld, liquids, discards, sharps, headsets, figures, puzzles,
    broken_pots,
)  # fmt: skip
RECIPES = tuple(recipe for file in (*COMPOSTABLES, *CONTAMINANTS) for recipe in file.RECIPES)
