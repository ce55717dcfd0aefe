"""One machine's settings: flag over environment over file over built-in value."""

from crawler.config.load import load_config
from crawler.config.model import Config, Connections, LogSettings, Tls, config_json_schema

__all__ = ["Config", "Connections", "LogSettings", "Tls", "config_json_schema", "load_config"]
