"""What the inspection prompts say, sentence by sentence; `prompts` puts them together.

Nothing in here is a template: what depends on the run (the first line of the answer, the grid of
the coordinates, the order of the objects) is chosen among these texts, or written by a function.
"""

from collections.abc import Iterable
from typing import Literal

from sightwright.geometry import Ordering
from sightwright.tasks.domains import (
    CATEGORY,
    DISTANCE,
    GROUP,
    NOTE,
    READABILITY,
    TEXT,
    UNREADABLE,
    VALUES,
    Domain,
    DomainName,
)

Norm = Literal["norm1000", "norm100", "none"]

# Dense, Chinese: what is asked of the two families of equipment.

DENSE_ROLE = "你是通信设备安装照片的密集标注助手：找出图中每一个看得见的对象，给出它的位置和描述。"

DENSE_JSON = (
    "JSON 写成单行，逗号和冒号之后各有一个空格，键依次为 object_1、object_2……直到最后一个对象；"
    "JSON 前后不加解释，也不加代码块标记。"
)

ORDERS: dict[Ordering, str] = {
    "reference_point": (
        "对象按参考点从上到下排列，同一高度从左到右。参考点：bbox_2d 取左上角，"
        "poly 取第一个顶点，line 取最左端的点。"
    ),
    "center": "对象按外接矩形的中心点从上到下排列，同一高度从左到右。",
}

EVIDENCE = (
    "先看证据再下笔：只写图中能看清的内容；看不清的属性直接省略，不猜测，也不写“需复核”一类的话。"
)

GEOMETRY = (
    "每个对象恰好有一种几何：bbox_2d 为 [x1, y1, x2, y2]，先左上角后右下角；"
    "poly 为 [[x, y], ...]，从最上方（并列时最左）的顶点起按屏幕顺时针排列，首尾不重复；"
    "line 为 [[x, y], ...]，从最左端的点起沿走向排列。"
)

GRIDS: dict[Norm, str] = {
    "norm1000": "坐标为 0 到 1000 的整数：x 按图宽、y 按图高换算，原点在左上角。",
    "norm100": "坐标为 0 到 100 的整数：x 按图宽、y 按图高换算，原点在左上角。",
    "none": "坐标为原图像素，原点在左上角。",
}

KEYS = "对象内先写 desc；line 对象接着写 line_points，其值等于坐标对的个数，至少为 2；最后写几何。"

DESC = (
    f"desc 由“键=值”用英文逗号连接而成，不加空格，{CATEGORY}必须在最前；"
    "同一属性有多个值时用 | 分隔。"
)

OCR = (
    f"标签上的文字：能读清就写{TEXT}=原文，去掉空白，保留 - / , | = 等符号；"
    f"读不清就写{READABILITY}={UNREADABLE}。"
)

DENSE_PRIORS: dict[DomainName, tuple[str, ...]] = {
    "bbu": (
        "爱立信 BBU 无需挡风板。",
        "华为挡风板上有黄色箭头，一个箭头对应一块挡风板。",
        "只有两台 BBU 之间才需要安装挡风板。",
        "螺丝和挡风板都紧靠它们所属的设备。",
        "光纤插头为蓝白色，标签多为黄色纸质。",
        "被遮挡成几段的同一根光纤只标一个对象；其中任何一段有保护，就是有保护。",
    ),
    "rru": (
        "重点看 RRU 一侧的设备和线缆。",
        f"{DISTANCE}只写数字。",
        "安装状态只有合格和不合格两种。",
        "尾纤要写标签和套管保护，接地线只写标签。",
        f"线缆与它的标签用同一个{GROUP}号相连；一个组至少有两个对象，不成组的对象不写{GROUP}。",
    ),
}

DENSE_USER = "请按从上到下、从左到右的顺序列出图中的全部对象。"
# What the coordinates are, once more, at the end of a question.
DENSE_USER_GRIDS: dict[Norm, str] = {
    "norm1000": "坐标归一化到 0 到 1000。",
    "norm100": "坐标归一化到 0 到 100。",
    "none": "坐标用原图像素。",
}

# Summary, Chinese.

SUMMARY_ROLE = "你是通信设备安装照片的汇总助手：清点图中看得见的对象及其属性，写成一份 JSON 汇总。"

SUMMARY_IRRELEVANT = (
    "纸张、图纸（CAD）、文档、屏幕截图等不是安装现场的图片，只输出四个字：无关图片。"
    "此时没有第一行，也没有 JSON。"
)

SUMMARY_JSON = (
    "JSON 必须严格合法：单行，逗号和冒号之后各有一个空格，以右花括号结束，其后不再有任何内容，"
    "不写 ×1、份、次一类的计数后缀。"
)

SUMMARY_COUNTS = (
    f"统计是一个列表，每个{CATEGORY}一项，给出各属性每种取值的个数，例如 "
    f'{{"{CATEGORY}": "标签", "{READABILITY}": {{"{UNREADABLE}": 2}}}}；'
    "只写图中出现的属性和取值，不写个数为 0 的项；一个对象的同一属性有多个值时，分别计数。"
    "列表按类别排序，同一项的属性按名称排序。"
)

SUMMARY_BANS = "汇总里没有坐标，没有方括号编号，也不写通过、不通过一类的判定。"

SUMMARY_EXTRAS: dict[DomainName, str] = {
    "bbu": f"对象带有{NOTE}时，在统计之后写{NOTE}：互不重复的文字列表；没有就不写。不写分组统计。",
    "rru": (
        f"对象带有{GROUP}时，在统计之后写分组统计，其值为各{GROUP}号对应的对象个数；"
        f"没有就不写。不写{NOTE}。"
    ),
}

SUMMARY_USER = "请清点图中的对象，按规定的格式输出汇总；如果不是安装现场的图片，只输出无关图片。"

# Dense, English: the auxiliary sets (LVIS, COCO, …).

SOURCE_ROLE = (
    "You annotate pictures: find the objects in the image, and name and locate each of them."
)

SOURCE_OUTPUT = (
    "Answer with one JSON object on one line, a space after each comma and each colon, nothing "
    "before or after it. Its keys are object_1, object_2, and so on."
)

SOURCE_DESC = (
    "Write desc first: the class name alone, a short English noun. No attributes, no sentences."
)

SOURCE_GEOMETRY = (
    "Then give each object exactly one geometry: bbox_2d as [x1, y1, x2, y2], top left corner "
    "first; or poly as [[x, y], ...], clockwise from its top-most vertex; or line as "
    "[[x, y], ...] from its left-most end, after line_points, the number of its points."
)

SOURCE_GRIDS: dict[Norm, str] = {
    "norm1000": "Coordinates are whole numbers from 0 to 1000: x in parts of the image's width, "
    "y of its height, from the top left corner.",
    "norm100": "Coordinates are whole numbers from 0 to 100: x in parts of the image's width, "
    "y of its height, from the top left corner.",
    "none": "Coordinates are pixels of the image, from the top left corner.",
}

SOURCE_ORDERS: dict[Ordering, str] = {
    "reference_point": "List the objects from top to bottom, then from left to right, by the top "
    "left corner of a box, the first vertex of a polygon, the left-most point of a line.",
    "center": "List the objects from top to bottom, then from left to right, by the centre of "
    "their bounding box.",
}

SOURCE_USER = "List every object in the image from top to bottom, then from left to right."

# What legacy pairing adds to a question about several images at once.
GROUPS: dict[Literal["dense", "summary"], str] = {
    "dense": (
        "无论有几张图片，都写成一个 JSON：外层的键依次为 图片_1、图片_2……，"
        "每张图片的对象各自从 object_1 编号；"
        "poly 和 line 的坐标不分组，直接写成 [x1, y1, x2, y2, ...]。"
    ),
    "summary": (
        "无论有几张图片，都写成一个 JSON：键依次为 图片_1、图片_2……，值为该图片的汇总，写成字符串。"
    ),
}

# Verdict, Chinese.

VERDICT_SYSTEM = (
    "你是通信设备安装质量的审核员：看完同一工单的全部照片，给出一个结论。\n"
    "- 各项要求须同时满足；任何一项没有得到照片的明确证实，结论就是不通过。\n"
    "- 与任务无关的照片不影响结论。\n"
    "- 结论只有通过和不通过两种，没有第三种。\n"
    "- 恰好输出两行：第一行为 Verdict: 通过 或 Verdict: 不通过，"
    "第二行为 Reason: 加上不超过 240 个字的理由。"
)
VERDICT_USER = "请审核以上照片，按规定的两行格式给出结论和理由。"


def dense_output(header: str | None, other_headers: Iterable[str] = ()) -> str:
    """How many lines an answer has, and what stands in the first."""
    if header is None:
        return "只输出一行 JSON。"
    return f"恰好输出两行：第一行固定为 {_either(header, other_headers)}；第二行为 JSON。"


def summary_output(header: str | None, other_headers: Iterable[str] = ()) -> str:
    """As `dense_output`, for a picture of an installation."""
    if header is None:
        return "安装现场的图片只输出一行 JSON。"
    first = _either(header, other_headers)
    return f"安装现场的图片恰好输出两行：第一行固定为 {first}；第二行为 JSON。"


def _either(header: str, others: Iterable[str]) -> str:
    choices = list(dict.fromkeys((header, *others)))
    if len(choices) == 1:
        return choices[0]
    return " 或 ".join(choices) + "（按图中设备所属的一类）"


def two_lines(header: str | None) -> str:
    """The end of a question: how many lines are wanted."""
    return "输出一行 JSON。" if header is None else "输出两行：第一行为固定的开头，第二行为 JSON。"


def vocabulary(domain: Domain) -> str:
    """The categories of a domain with their attributes and the closed lists of values."""
    lines = [f"- {each.name}" + _attributes(each.attributes) for each in domain.categories]
    if domain.has_groups:
        lines.append(f"- 任何对象都可以再带{GROUP}=编号")
    return f"{domain.token} 的{CATEGORY}及其属性：\n" + "\n".join(lines)


def _attributes(keys: tuple[str, ...]) -> str:
    described = [key + (f"（{'|'.join(VALUES[key])}）" if key in VALUES else "") for key in keys]
    return "：" + "，".join(described) if described else "：只写类别"


def summary_keys(domains: Iterable[Domain]) -> str:
    """Which keys a summary has."""
    tokens = " 或 ".join(f'"{domain.token}"' for domain in domains)
    return f"JSON 的键依次为 dataset（{tokens}）、objects_total（对象总数，整数）、统计。"
