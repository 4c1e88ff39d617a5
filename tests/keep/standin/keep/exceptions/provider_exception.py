"""What providers raise."""


class ProviderException(Exception):
    pass
