"""The CMP Facade Database's twelve classes, which it counts from 1."""

_NAMES = "unlabeled, background, facade, window, door, cornice, sill, balcony, blind, deco, molding, pillar, shop"
NAMES = tuple(_NAMES.split(", "))
