"""The two families of equipment: what their photographs show, and how it is described.

A description is `类别=标签,文本=5G`: the category first, then those of its attributes that can be
seen; several values of one attribute are joined by `|`. `文本` and `备注` are free text and stand
last.

    DOMAINS["bbu"].category("电线").attributes      # ("捆扎", "备注")
"""

from dataclasses import dataclass
from typing import Literal

# The keys of any description; importers find all keys in here.
from sightwright.metrics.descriptions import CATEGORY as CATEGORY
from sightwright.metrics.descriptions import NOTE as NOTE
from sightwright.metrics.descriptions import TEXT as TEXT

DomainName = Literal["bbu", "rru"]

GROUP = "组"
DISTANCE = "站点距离"
READABILITY = "可读性"
UNREADABLE = "不可读"

# A comma in one of these belongs to it.
FREE_TEXT = (TEXT, NOTE)

# The attributes with a closed list of values; all others are open.
VALUES: dict[str, tuple[str, ...]] = {
    "可见性": ("完整", "部分"),
    "符合性": ("符合", "不符合"),
    "挡风板需求": ("免装", "空间充足需安装"),
    "保护措施": ("有保护", "无保护"),
    "弯曲半径": ("半径合理", "半径不合理<4cm或成环"),
    "安装状态": ("合格", "不合格"),
    "标签": ("有标签", "无标签"),
    "套管保护": ("有套管", "无套管"),
    READABILITY: (UNREADABLE,),
}


@dataclass(frozen=True)
class Category:
    """One kind of object. A group's number is no attribute of a category: any object of a domain
    that has groups may carry one."""

    name: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Domain:
    """One family of equipment.

    Attributes:
        token: how the first line of an answer, and `dataset` of a summary, name it.
        categories: in the order in which the prompts list them.
        has_groups: whether 组=<id> ties objects together (a label and its cable).
        has_notes: whether objects carry 备注, gathered in the summary.
    """

    name: DomainName
    token: str
    categories: tuple[Category, ...]
    has_groups: bool
    has_notes: bool

    @property
    def category_names(self) -> tuple[str, ...]:
        return tuple(category.name for category in self.categories)

    def category(self, name: str) -> Category | None:
        """None where the domain has no such category."""
        return next((category for category in self.categories if category.name == name), None)


_SCREW_OR_PLUG = ("可见性", "符合性", "问题", NOTE)
_LABEL = Category("标签", (TEXT, READABILITY))

DOMAINS: dict[DomainName, Domain] = {
    "bbu": Domain(
        name="bbu",
        token="BBU",
        categories=(
            Category("BBU设备", ("品牌", "可见性", "挡风板需求", "挡风板符合性", NOTE)),
            Category("挡风板", ("品牌", "可见性", "安装方向", NOTE)),
            Category("BBU安装螺丝", _SCREW_OR_PLUG),
            Category("机柜处接地螺丝", _SCREW_OR_PLUG),
            Category("地排处接地螺丝", _SCREW_OR_PLUG),
            Category("BBU端光纤插头", _SCREW_OR_PLUG),
            Category("ODF端光纤插头", _SCREW_OR_PLUG),
            Category("光纤", ("保护措施", "保护细节", "弯曲半径", NOTE)),
            Category("电线", ("捆扎", NOTE)),
            _LABEL,
        ),
        has_groups=False,
        has_notes=True,
    ),
    "rru": Domain(
        name="rru",
        token="RRU",
        categories=(
            Category("RRU设备"),
            Category(DISTANCE, (DISTANCE,)),
            Category("紧固件", ("安装状态",)),
            Category("RRU接地端", ("安装状态",)),
            Category("地排接地端螺丝", ("安装状态",)),
            Category("尾纤", ("标签", "套管保护")),
            Category("接地线", ("标签",)),
            _LABEL,
        ),
        has_groups=True,
        has_notes=False,
    ),
}


def domain_of_token(token: str) -> Domain | None:
    """The domain that a token names (`BBU`, `rru`); None for any other."""
    return next((each for each in DOMAINS.values() if each.token == token.upper()), None)
