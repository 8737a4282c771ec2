"""Writes the files of this folder: one conversation in every style."""

import json
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
ANSWER = '{"total":34.70,"note":null}'
QUESTION = "Read the second page.\nThen the first."


def main() -> None:
    for name, words in (("first", "Total"), ("second", "34.70")):
        page = Image.new("L", (96, 64), 255)
        ImageDraw.Draw(page).text((8, 24), words, fill=0)
        page.save(HERE / f"{name}.png", optimize=True)
    for style, record in records().items():
        text = json.dumps(record, ensure_ascii=False) + "\n"
        (HERE / f"{style}.jsonl").write_text(text, encoding="utf-8")


def records() -> dict[str, object]:
    images = ["first.png", "second.png"]
    answer = {"role": "assistant", "content": ANSWER}
    human = {"from": "human", "value": f"<image>\n<image>\n{QUESTION}"}
    gpt = {"from": "gpt", "value": ANSWER}
    text = {"type": "text", "text": QUESTION}
    pictures = "".join(f"Picture {i}: <img>{name}</img>\n" for i, name in enumerate(images, 1))
    first_style = [
        {"from": "user", "value": pictures + QUESTION},
        {"from": "assistant", "value": ANSWER},
    ]
    return {
        "sightwright": {
            "id": "bill",
            "messages": [
                {
                    "role": "user",
                    "content": [*({"type": "image", "image": i} for i in images), text],
                },
                {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]},
            ],
        },
        "openai": {
            "id": "bill",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        *({"type": "image_url", "image_url": {"url": i}} for i in images),
                        text,
                    ],
                },
                answer,
            ],
        },
        "ms-swift": {
            "id": "bill",
            "messages": [{"role": "user", "content": f"<image><image>{QUESTION}"}, answer],
            "images": images,
        },
        "llava": {"id": "bill", "image": images, "conversations": [human, gpt]},
        "qwen-vl": {"image": images, "conversations": [human, gpt]},
        "qwen-vl-first": {"id": "bill", "conversations": first_style},
    }


if __name__ == "__main__":
    main()
