"""The schema's revisions: where the scripts are, what is newest, and how to get there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def newest() -> str:
    """Return the revision that this code works with."""
    head = _scripts().get_current_head()
    assert head is not None, "no migration scripts"
    return head


def is_known(revision: str) -> bool:
    """Is it a revision of this code's history? A newer version's is not."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the database to a revision, by default the newest, within the connection's
    transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_location()).replace("%", "%%"))
    return config


def _location() -> Path:
    """The package's own copy where it is installed, else the checkout's."""
    packaged = Path(__file__).parents[1] / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "alembic"
