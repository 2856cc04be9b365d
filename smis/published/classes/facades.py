"""The CMP Facade Database's twelve classes, which it counts from 1."""

from smis.published.classes import listed

NAMES = listed("""
unlabeled, background, facade, window, door, cornice, sill, balcony, blind, deco, molding, pillar, shop
""")
