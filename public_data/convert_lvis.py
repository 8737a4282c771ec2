"""LVIS to records: public_data/lvis/raw holds the annotations and COCO's images.

    python public_data/convert_lvis.py --split train --use-polygon --poly-max-points 12 \\
        --smart-resize
"""

from converting import HERE, PublicSet, convert

LVIS = PublicSet(
    format="lvis",
    annotations=lambda split: HERE / "lvis" / "raw" / "annotations" / f"lvis_v1_{split}.json",
    images=lambda split: HERE / "lvis" / "raw" / "images",
    out=HERE / "lvis",
)

if __name__ == "__main__":
    convert(LVIS)
