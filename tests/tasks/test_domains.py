from sightwright.tasks.domains import DOMAINS, FREE_TEXT, VALUES, domain_of_token

BBU, RRU = DOMAINS["bbu"], DOMAINS["rru"]


def test_the_categories_are_the_documents() -> None:
    assert BBU.category_names == (
        *("BBU设备", "挡风板", "BBU安装螺丝", "机柜处接地螺丝", "地排处接地螺丝"),
        *("BBU端光纤插头", "ODF端光纤插头", "光纤", "电线", "标签"),
    )
    assert RRU.category_names == (
        *("RRU设备", "站点距离", "紧固件", "RRU接地端", "地排接地端螺丝"),
        *("尾纤", "接地线", "标签"),
    )


def test_every_category_has_its_attributes() -> None:
    found = {
        category.name: "/".join(category.attributes)
        for domain in (BBU, RRU)
        for category in domain.categories
    }
    screws = ("BBU安装螺丝", "机柜处接地螺丝", "地排处接地螺丝", "BBU端光纤插头", "ODF端光纤插头")
    installed = ("紧固件", "RRU接地端", "地排接地端螺丝")
    assert found == {
        "BBU设备": "品牌/可见性/挡风板需求/挡风板符合性/备注",
        "挡风板": "品牌/可见性/安装方向/备注",
        **dict.fromkeys(screws, "可见性/符合性/问题/备注"),
        "光纤": "保护措施/保护细节/弯曲半径/备注",
        "电线": "捆扎/备注",
        "标签": "文本/可读性",
        "RRU设备": "",
        "站点距离": "站点距离",
        **dict.fromkeys(installed, "安装状态"),
        "尾纤": "标签/套管保护",
        "接地线": "标签",
    }


def test_the_closed_lists_of_values() -> None:
    assert VALUES == {
        "可见性": ("完整", "部分"),
        "符合性": ("符合", "不符合"),
        "挡风板需求": ("免装", "空间充足需安装"),
        "保护措施": ("有保护", "无保护"),
        "弯曲半径": ("半径合理", "半径不合理<4cm或成环"),
        "安装状态": ("合格", "不合格"),
        "标签": ("有标签", "无标签"),
        "套管保护": ("有套管", "无套管"),
        "可读性": ("不可读",),
    }
    assert not set(VALUES) & set(FREE_TEXT)


def test_groups_are_the_rrus_and_notes_the_bbus() -> None:
    assert (BBU.token, BBU.has_groups, BBU.has_notes) == ("BBU", False, True)
    assert (RRU.token, RRU.has_groups, RRU.has_notes) == ("RRU", True, False)
    for domain in (BBU, RRU):
        attributes = {name for each in domain.categories for name in each.attributes}
        assert ("备注" in attributes) is domain.has_notes
        assert "组" not in attributes


def test_a_domain_is_found_by_its_token() -> None:
    assert domain_of_token("BBU") is BBU
    assert domain_of_token("rru") is RRU
    assert domain_of_token("LVIS") is None
    assert BBU.category("站点距离") is None
