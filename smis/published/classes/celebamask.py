"""The classes of CelebAMask-HQ, in the order of its own mask script."""

from smis.published.classes import listed

NAMES = listed("""
background, skin, nose, eye_g, l_eye, r_eye, l_brow, r_brow, l_ear, r_ear, mouth, u_lip, l_lip, hair, hat, ear_r,
neck_l, neck, cloth
""")
