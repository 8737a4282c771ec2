"""The closed vocabularies of the drawn documents.

They are closed so that a model of three million parameters can learn every word by its shape, and
short so that a line fits a page of 20 columns.
"""

from __future__ import annotations

HOUSES: tuple[str, ...] = (
    "Amber", "Birch", "Cedar", "Delta", "Ember", "Falcon", "Hazel", "Indigo",
    "Jade", "Linden", "Maple", "Noble", "Orchid", "Pine", "Quartz", "River",
)  # fmt: skip
SHOPS: tuple[str, ...] = ("Mart", "Deli", "Cafe", "Foods", "Store")
TRADES: tuple[str, ...] = ("Steel", "Glass", "Paper", "Tools", "Wool")
BANKS: tuple[str, ...] = ("Bank", "Trust", "Credit")
GOODS: tuple[str, ...] = (
    "Apple", "Bread", "Butter", "Candle", "Cheese", "Coffee", "Cookie", "Eggs",
    "Flour", "Garlic", "Honey", "Juice", "Lemon", "Milk", "Olive", "Onion",
    "Pasta", "Pepper", "Rice", "Salad", "Salt", "Soap", "Sugar", "Tea",
)  # fmt: skip
PORTS: tuple[str, ...] = (
    "Antwerp", "Bremen", "Busan", "Dubai", "Genoa", "Hamburg", "Kobe", "Lagos",
    "Lisbon", "Manila", "Oslo", "Santos", "Sydney", "Tokyo",
)  # fmt: skip
VESSELS: tuple[str, ...] = (
    "Aurora", "Calypso", "Dorado", "Electra", "Fortuna", "Horizon", "Luna", "Neptune",
    "Orion", "Pegasus",
)  # fmt: skip
CARGOES: tuple[str, ...] = ("Cement", "Copper", "Cotton", "Grain", "Rubber", "Tiles", "Timber")
PAYMENTS: tuple[str, ...] = ("Cash", "Card", "Voucher", "Transfer")
CURRENCIES: tuple[str, ...] = ("EUR", "USD", "GBP", "CHF")
ENTRIES: tuple[str, ...] = (
    "Rent", "Salary", "Refund", "Fuel", "Phone", "Interest", "Gym", "Tax",
)  # fmt: skip

# Label words of the practice forms: (key in the JSON, what is printed).
FORM_LABELS: tuple[tuple[str, str], ...] = (
    ("agent", "Agent"), ("batch", "Batch"), ("branch", "Branch"), ("city", "City"),
    ("clerk", "Clerk"), ("client", "Client"), ("colour", "Colour"), ("copy", "Copy"),
    ("desk", "Desk"), ("door", "Door"), ("email", "Email"), ("fee", "Fee"),
    ("floor", "Floor"), ("group", "Group"), ("guest", "Guest"), ("height", "Height"),
    ("index", "Index"), ("level", "Level"), ("limit", "Limit"), ("lot", "Lot"),
    ("member", "Member"), ("model", "Model"), ("note", "Note"), ("order", "Order"),
    ("owner", "Owner"), ("page", "Page"), ("plan", "Plan"), ("plate", "Plate"),
    ("price", "Price"), ("queue", "Queue"), ("rate", "Rate"), ("room", "Room"),
    ("route", "Route"), ("seat", "Seat"), ("sector", "Sector"), ("shelf", "Shelf"),
    ("shift", "Shift"), ("size", "Size"), ("team", "Team"), ("ticket", "Ticket"),
    ("tour", "Tour"), ("unit", "Unit"), ("user", "User"), ("zone", "Zone"),
)  # fmt: skip

CLOSED: tuple[tuple[str, ...], ...] = (
    HOUSES, SHOPS, TRADES, BANKS, GOODS, PORTS, VESSELS, CARGOES, PAYMENTS, CURRENCIES, ENTRIES,
)  # fmt: skip
