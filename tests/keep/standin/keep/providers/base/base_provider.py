"""What every provider inherits."""

import abc
import logging
from typing import Any

from keep.contextmanager.contextmanager import ContextManager
from keep.providers.models.provider_config import ProviderConfig


class BaseProvider(abc.ABC):
    PROVIDER_SCOPES: list[Any] = []
    PROVIDER_METHODS: list[Any] = []
    PROVIDER_CATEGORY = ["Others"]
    PROVIDER_TAGS: list[str] = []

    def __init__(self, context_manager: ContextManager, provider_id: str, config: ProviderConfig) -> None:
        self.provider_id = provider_id
        self.config = config
        self.context_manager = context_manager
        self.logger = logging.getLogger(provider_id)
        self.validate_config()
        self.results: list[Any] = []

    @abc.abstractmethod
    def validate_config(self) -> None: ...

    @abc.abstractmethod
    def dispose(self) -> None: ...

    def validate_scopes(self) -> dict[str, bool | str]:
        return {}

    def query(self, **kwargs: Any) -> Any:
        kwargs.pop("enrich_alert", None)
        return self._query(**kwargs)

    def notify(self, **kwargs: Any) -> Any:
        kwargs.pop("enrich_alert", None)
        return self._notify(**kwargs)

    def _query(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _notify(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError
