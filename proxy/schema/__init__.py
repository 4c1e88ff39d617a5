"""The wire vocabulary of the Assistants API v2. Field order is the key order of the real service; imports only msgspec.

Objects that are answered are frozen and always carry every key. Request bodies refuse unknown keys. In a request that
creates, null means the same as absent; in one that updates, null clears and absent (`UNSET`) keeps.
"""
