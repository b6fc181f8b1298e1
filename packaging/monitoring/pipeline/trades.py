# SPDX-License-Identifier: Apache-2.0
"""Simulated trades, and their wire format: JSON, with prices and amounts as text."""
import json
import random
import re
from collections import namedtuple

# pair: initial price, and standard deviation of one step (relative to the price)
PAIRS = {"BTC-USD": (64000.0, 0.0004), "ETH-USD": (3200.0, 0.0006), "SOL-USD": (150.0, 0.0010),
         "ADA-USD": (0.45, 0.0012), "DOGE-USD": (0.12, 0.0020)}
LOWEST = 0.0001

Trade = namedtuple("Trade", "producer sequence pair side price amount time")
FORM = {"producer": re.compile(r"[\w.-]{1,64}"), "pair": re.compile(r"[A-Z0-9]{2,10}-[A-Z0-9]{2,10}"),
        "side": re.compile("buy|sell"), "price": re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?"),
        "amount": re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?")}
LARGEST_SEQUENCE = 2**63 - 1
LATEST = 253402300799  # the end of the year 9999


def walk(seed):
    """Yields (pair, side, price, amount) forever; the same for the same seed."""
    dice = random.Random(seed)
    prices = {pair: price for pair, (price, _) in PAIRS.items()}
    names = list(PAIRS)
    while True:
        pair = dice.choice(names)
        step = dice.gauss(0, PAIRS[pair][1])
        prices[pair] = max(prices[pair] * (1 + step), LOWEST)
        yield pair, "buy" if step >= 0 else "sell", f"{prices[pair]:.6f}", f"{dice.expovariate(4):.6f}"


def encode(trade):
    return json.dumps(trade._asdict(), separators=(",", ":")).encode()


def decode(data):
    """Returns a Trade or raises ValueError: nothing else gets into the database."""
    try:
        trade = Trade(**json.loads(data))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"not the fields of a trade: {error}") from None
    for name, form in FORM.items():
        value = getattr(trade, name)
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError(f"{name} is not in the form of one")
    if type(trade.sequence) is not int or not 0 <= trade.sequence <= LARGEST_SEQUENCE:
        raise ValueError("sequence is not a number of a trade")
    if type(trade.time) not in (int, float) or not 0 <= trade.time <= LATEST:
        raise ValueError("time is not in seconds since 1970")
    return trade
