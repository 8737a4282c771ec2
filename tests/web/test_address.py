import pytest

from sightwright.web.address import AddressError, is_web_address, read_address


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a.png#part", "https://example.org/a.png"),
        ("http://example.org:8080/a b.png?q=ü", "http://example.org:8080/a%20b.png?q=%C3%BC"),
        ("http://example.org/a%20b.png", "http://example.org/a%20b.png"),
        ("http://[::1]:81/x", "http://[::1]:81/x"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://example.org/a\\b", "http://example.org/a%5Cb"),
    ],
)
def test_a_url_is_read_as_it_will_be_asked(url: str, asked: str) -> None:
    assert read_address(url).url == asked


def test_what_is_shown_holds_no_query_and_has_an_end() -> None:
    assert read_address("https://h/a.png?key=SECRET").shown == "https://h/a.png"
    assert len(read_address("https://h/" + "a" * 5000).shown) < 210


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/a", "neither http nor https"),
        ("file:///etc/passwd", "neither http nor https"),
        ("a.png", "neither http nor https"),
        ("http://user:SECRET@example.org/a", "user name or password"),
        ("http://@example.org/a", "user name or password"),
        ("http://good.org\\@evil.org/a", "user name or password"),
        ("http://evil.org\\.good.org/a", "no usable host"),
        ("http:///a.png", "no usable host"),
        ("http://exa mple.org/", "no usable host"),
        ("http://a..b/", "no usable host"),
        ("http://[::1/", "not a URL"),
        ("http://[zz]/", "not a URL|no IPv6"),
        ("http://h:99999/", "not a URL"),
        ("http://h/\r\nHost: other", "control character"),
        ("http://h/" + "a" * 9000, "over 8192"),
    ],
)
def test_what_is_not_asked(url: str, why: str) -> None:
    with pytest.raises(AddressError, match=why) as caught:
        read_address(url)
    assert caught.value.remedy
    assert "SECRET" not in str(caught.value) + caught.value.shown


def test_a_redirect_may_be_relative_but_not_down_to_http() -> None:
    base = read_address("https://h/pages/1.png?x=1")
    assert read_address("2.png", base).url == "https://h/pages/2.png"
    assert read_address("//other/2.png", base).url == "https://other/2.png"
    with pytest.raises(AddressError, match="from https to http"):
        read_address("http://h/2.png", base)
    assert read_address("https://h/", read_address("http://h/")).scheme == "https"


def test_web_addresses_are_told_by_their_scheme() -> None:
    assert is_web_address("HTTPS://h/")
    assert not is_web_address("data:image/png;base64,")
    assert not is_web_address("http/a.png")
