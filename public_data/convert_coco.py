"""COCO to records: public_data/coco/raw holds the annotations and, a folder a split, the images.

python public_data/convert_coco.py --split val --use-polygon --smart-resize
"""

from converting import HERE, PublicSet, convert

COCO = PublicSet(
    format="coco",
    annotations=lambda split: HERE / "coco" / "raw" / "annotations" / f"instances_{split}2017.json",
    images=lambda split: HERE / "coco" / "raw" / "images" / f"{split}2017",
    out=HERE / "coco",
)

if __name__ == "__main__":
    convert(COCO)
