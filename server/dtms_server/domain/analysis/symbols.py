"""What a symbol is called before a broker adds to its name."""

import re
from typing import Final

_CURRENCY: Final = (
    "USD|EUR|GBP|JPY|CHF|AUD|NZD|CAD|SEK|NOK|DKK|PLN|HUF|CZK|RON|TRY|ZAR|MXN|BRL|SGD|HKD|CNH|CNY|"
    "INR|KRW|THB|ILS|RUB|AED|SAR|XAU|XAG|XPT|XPD|BTC|ETH|LTC|XRP|BCH"
)
_PAIR: Final = re.compile(f"(?:{_CURRENCY}){{2}}")
_FIRST_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_LETTERED: Final = re.compile(r"([A-Z0-9]{2,})[a-z]+")

ALIASES: Final = {"GOLD": "XAUUSD", "SILVER": "XAGUSD", "BITCOIN": "BTCUSD"}


def base_symbol(name: str) -> str:
    """Return the symbol without what the broker put around it, in capitals.

    A pair of currencies is found wherever it stands: EURUSDc, EURUSD.m, #EURUSD, mEURUSD, EUR/USD
    and eurusd_i are all EURUSD. Of any other name what follows its first word goes, and small
    letters behind capitals: US30.cash is US30, GER40m is GER40.
    """
    pair = _PAIR.search(re.sub(r"[^A-Z0-9]", "", name.upper()))
    if pair:
        return pair.group()
    first = _FIRST_WORD.search(name)
    word = first.group() if first else name
    lettered = _LETTERED.fullmatch(word)
    base = (lettered.group(1) if lettered else word).upper()
    return ALIASES.get(base, base)
