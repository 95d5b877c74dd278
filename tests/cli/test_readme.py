"""What README.md says of the settings is what there is."""

from pathlib import Path

from dtms_server.config import Settings

README = Path(__file__).parents[2] / "README.md"


def settings_table() -> str:
    rows = ["| flag | environment | `dtms.toml` | default | what |", "|---|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        flag = "" if name == "password" else f"`--{name.replace('_', '-')}`"
        key = "" if name == "password" else f"`{name}`"
        default = "" if field.default is None or field.default is False else f"`{field.default}`"
        default = "`metatrader5` on Windows" if name == "terminal" else default
        rows.append(f"| {flag} | `DTMS_{name.upper()}` | {key} | {default} | {field.description} |")
    return "\n".join(rows)


def test_the_table_of_settings_is_made_from_the_settings() -> None:
    table = settings_table()
    assert table in README.read_text("utf-8"), f"README.md needs this table:\n{table}"
